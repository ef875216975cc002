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


def read_arrays(network: Network, task: Task, inputs: Path, labels: Path) -> UserData:
    """Read the `.npy` files `inputs` [N, *input shape] and `labels` [N] for `network`.

    Float inputs are real values; they are quantized with the model's own scale and zero point.
    int8 inputs are used unchanged. Raises `InputError` naming the file if type or shape do not
    match.
    """
    samples = read_npy(inputs, remedy="save the inputs as one array: np.save('x.npy', inputs)")
    numbers = read_npy(labels, remedy="save the labels as integers: np.save('y.npy', labels)")
    shape = network.input.shape[1:]
    if samples.ndim == 0 or samples.shape[1:] != shape or not len(samples):
        raise InputError(
            f"has shape {list(samples.shape)}, but the input of {network.path.name} has "
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
    quantized, preprocessing = _quantized(network, samples, inputs)
    vectors = Vectors(labels, (quantized,), numbers.astype(np.int64))
    doubts = tuple(input_doubts(samples, quantized, network.input))
    return UserData(task, vectors, preprocessing, f"{inputs.name} and {labels.name}", doubts)


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
    if not np.isfinite(samples).all():
        raise InputError(
            "holds values that are not finite", where=str(path), remedy="save finite numbers"
        )
    return quantize(samples, tensor), describe_quantization(network)


def describe_quantization(network: Network) -> str:
    """Return a description of the conversion from real values to the input of `network`."""
    tensor = network.input
    if tensor.scale is None or tensor.zero_point is None:
        return f"{tensor.dtype}"
    return (
        f"real values, quantized to {tensor.dtype} with the model's own input scale "
        f"{tensor.scale[0]:.9g} and zero point {tensor.zero_point[0]}"
    )
