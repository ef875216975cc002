"""`harness models add`: a network with inputs and labels as NumPy files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.write_folder import Brought, Network
from harness.model.folder import Task
from harness.model.quantization import quantize
from harness.model.vectors import Vectors


def read_arrays(network: Network, task: Task, inputs: Path, labels: Path) -> Brought:
    """Read the `.npy` files `inputs` [N, *input shape] and `labels` [N] for `network`.

    Inputs of a float type are real values and quantized by the model's own scale and zero
    point; int8 ones are taken as they are. Raises `InputError` naming the file if type or
    shape do not fit.
    """
    samples, numbers = _load(inputs), _load(labels)
    shape = network.input.shape[1:]
    if samples.ndim == 0 or samples.shape[1:] != shape or not len(samples):
        raise InputError(
            f"has shape {list(samples.shape)}, but {network.path.name} takes "
            f"{list(network.input.shape)}",
            where=str(inputs),
            remedy=f"save one input after the other: {['N', *shape]}".replace("'", ""),
        )
    if numbers.dtype.kind not in "iu" or numbers.shape != samples.shape[:1]:
        raise InputError(
            f"has type {numbers.dtype} and shape {list(numbers.shape)}",
            where=str(labels),
            remedy=f"save one integer, the class, for each input: shape [{len(samples)}]",
        )
    stored, preprocessing = _stored(network, samples, inputs)
    vectors = Vectors(labels, (stored,), numbers.astype(np.int64))
    return Brought(task, vectors, preprocessing, f"{inputs.name} and {labels.name}")


def _load(path: Path) -> npt.NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=str(path)) from error
    except (ValueError, EOFError) as error:
        raise InputError(
            f"is not an .npy file of plain numbers: {error}",
            where=str(path),
            remedy="save it with np.save",
        ) from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InputError(
            "holds several arrays", where=str(path), remedy="save one with np.save, as .npy"
        )
    return array


def _stored(
    network: Network, samples: npt.NDArray[Any], path: Path
) -> tuple[npt.NDArray[Any], str]:
    """Return `samples` as the model stores them, and what was done for it."""
    tensor = network.input
    if samples.dtype == tensor.dtype:
        return samples, f"{tensor.dtype} as given"
    if samples.dtype.kind != "f":
        raise InputError(
            f"has type {samples.dtype}, but {network.path.name} takes {tensor.dtype}",
            where=str(path),
            remedy=f"save what the model takes, {tensor.dtype}, or real values as float32",
        )
    if not np.isfinite(samples).all():
        raise InputError(
            "holds values that are not finite", where=str(path), remedy="save finite numbers"
        )
    return quantize(samples, tensor), describe_quantization(network)


def describe_quantization(network: Network) -> str:
    """Say how real values became what the model of `network` takes."""
    tensor = network.input
    if tensor.scale is None or tensor.zero_point is None:
        return f"{tensor.dtype}"
    return (
        f"real values, quantized to {tensor.dtype} by the model's own input scale "
        f"{tensor.scale[0]:.9g} and zero point {tensor.zero_point[0]}"
    )
