"""Random inputs for a network without data: they only prove that a device computes golden."""

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.intake.input_doubts import quantized_tensor, range_of
from harness.intake.inputs.store_values import empty_inputs
from harness.model.graph import Graph, Tensor
from harness.model.tensor_block import sample_shape

_SMALL = 2  # bytes; wider integers without a scale are numbers of something, such as words


def random_inputs(
    count: int, tensor: Tensor, graph: Graph, rng: np.random.Generator
) -> tuple[npt.NDArray[np.generic], str]:
    """Return `count` random inputs for `tensor`, and a description of their range.

    Integers take all values of their type. Real values are uniform in the range that the network
    quantizes, or from -1 to 1 if it quantizes none. Raises `InputError` if the range is unknown.
    """
    inputs = empty_inputs(count, tensor, sample_shape(tensor), "--random")
    if tensor.dtype.kind == "f":
        low, high = range_of(quantized_tensor(graph, tensor)) or (-1.0, 1.0)
        inputs[...] = rng.uniform(low, high, inputs.shape)
        return inputs, f"{tensor.dtype}, uniform from {low:.6g} to {high:.6g}"
    if tensor.dtype.kind not in "iu" or (tensor.scale is None and tensor.dtype.itemsize > _SMALL):
        raise InputError(
            f"cannot choose values for an input of type {tensor.dtype} without a scale",
            where="--random",
            remedy="give inputs that the network expects: --inputs FILE",
        )
    limits = np.iinfo(tensor.dtype)
    inputs[...] = rng.integers(limits.min, limits.max, inputs.shape, tensor.dtype, endpoint=True)
    return inputs, f"all values of {tensor.dtype}"
