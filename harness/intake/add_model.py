"""`harness models add`: reads inputs and labels from NumPy files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.input_doubts import input_doubts
from harness.intake.write_folder import Network, UserData
from harness.model.model_file import Task
from harness.model.quantization import quantize
from harness.model.vectors import Vectors
from harness.support.array_file import read_npy


def read_arrays(network: Network, task: Task, inputs: Path, labels: Path | None) -> UserData:
    """Read the `.npy` files `inputs` [N, *input shape] and `labels` [N] for `network`.

    Only the task agreement has no labels; those of a regression are [N, ...]. Float inputs are
    real values; they are quantized with the model's own scale and zero point. int8 inputs are used
    unchanged. Raises `InputError` naming the file if type or shape do not match.
    """
    samples = read_npy(inputs, remedy="save the inputs as one array: np.save('x.npy', inputs)")
    shape = network.input.shape[1:]
    if samples.ndim == 0 or samples.shape[1:] != shape or not len(samples):
        raise InputError(
            f"has shape {list(samples.shape)}, but the input of {network.path.name} has "
            f"{list(network.input.shape)}",
            where=str(inputs),
            remedy=f"save one input after the other: {['N', *shape]}".replace("'", ""),
        )
    numbers = _labels(task, labels, len(samples))
    quantized, preprocessing = _quantized(network, samples, inputs)
    vectors = Vectors(labels or inputs, (quantized,), numbers)
    doubts = tuple(input_doubts(samples, quantized, network.input))
    data = " and ".join(path.name for path in (inputs, labels) if path is not None)
    return UserData(task, vectors, preprocessing, data, doubts)


def _labels(task: Task, path: Path | None, count: int) -> npt.NDArray[Any] | None:
    """Return the labels for `count` inputs; None for a task without labels."""
    if (path is None) != (task == "agreement"):
        raise InputError(
            f"the task {task} needs labels" if path is None else "the task agreement has no labels",
            where="--labels",
            remedy="give --labels Y.npy, or --task agreement without labels",
        )
    if path is None:
        return None
    numbers = read_npy(path, remedy="save the labels as one array: np.save('y.npy', labels)")
    if task == "regression":
        kinds, shape, each = "iuf", numbers.shape[:1], "real values"
    else:
        kinds, shape, each = "iu", numbers.shape, "one integer, the class,"
    if numbers.dtype.kind not in kinds or shape != (count,):
        real = numbers.dtype.kind == "f" and task != "regression"
        raise InputError(
            f"has type {numbers.dtype} and shape {list(numbers.shape)}",
            where=str(path),
            remedy=f"save {each} for each input: shape [{count}{', ...' * (kinds == 'iuf')}]"
            + "; for real values, give --task regression" * real,
        )
    _check_finite(numbers, path)
    return numbers.astype(np.float64 if task == "regression" else np.int64)


def _quantized(
    network: Network, samples: npt.NDArray[Any], path: Path
) -> tuple[npt.NDArray[Any], str]:
    """Return `samples` in the type of the model's input, and a description of the conversion."""
    tensor = network.input
    if samples.dtype == tensor.dtype:
        return samples, f"{tensor.dtype} as given"
    if samples.dtype.kind != "f":
        raise InputError(
            f"has type {samples.dtype}, but the input of {network.path.name} has {tensor.dtype}",
            where=str(path),
            remedy=f"save {tensor.dtype}, the type of the model's input, or real values as float32",
        )
    _check_finite(samples, path)
    return quantize(samples, tensor), describe_quantization(network)


def _check_finite(values: npt.NDArray[Any], path: Path) -> None:
    wrong = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if wrong.size:
        raise InputError(
            f"holds values that are not finite, first in vector {wrong[0]}",
            where=str(path),
            remedy="save finite numbers",
        )


def describe_quantization(network: Network) -> str:
    """Return a description of the conversion from real values to the input of `network`."""
    tensor = network.input
    if tensor.scale is None or tensor.zero_point is None:
        return f"{tensor.dtype}"
    return (
        f"real values, quantized to {tensor.dtype} with the model's own input scale "
        f"{tensor.scale[0]:.9g} and zero point {tensor.zero_point[0]}"
    )
