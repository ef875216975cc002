"""The block of bytes that holds all inputs of a model on the device, or all outputs.

The tensors lie in the model's order, each at the next multiple of 4 bytes, little-endian, with
padding between them. The block of a single tensor is the tensor itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.model.graph import Tensor
from harness.support.plural import count_of

Array = np.ndarray[Any, Any]

ALIGNMENT = 4
"""Bytes; no element of a tensor is larger than this."""


def offsets(tensors: Sequence[Tensor]) -> list[int]:
    """Return the offset of each of `tensors` in the block, and last the size of the block."""
    ends = [0]
    for tensor in tensors:
        begin = -(-ends[-1] // ALIGNMENT) * ALIGNMENT
        ends[-1] = begin
        ends.append(begin + tensor.nbytes)
    return ends


def size(tensors: Sequence[Tensor]) -> int:
    """Return the size of the block in bytes."""
    return offsets(tensors)[-1]


def sample_shape(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape of one vector for `tensor`: its shape without a leading batch of 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


def without_ones(shape: Sequence[int]) -> list[int]:
    """Return `shape` without its axes of length 1."""
    return [size for size in shape if size != 1]


def pack(tensors: Sequence[Tensor], values: Sequence[Array]) -> bytes:
    """Return the block of `values`; each has the dtype and number of elements of its tensor."""
    block = bytearray(size(tensors))
    for begin, value in zip(offsets(tensors), values, strict=False):
        data = np.ascontiguousarray(value).tobytes()
        block[begin : begin + len(data)] = data
    return bytes(block)


def pack_checked(tensors: Sequence[Tensor], values: Sequence[Array], model: str) -> bytes:
    """Do the same as `pack`; `InputError` if `values` do not fit the inputs of `model`."""
    if len(values) != len(tensors):
        raise InputError(
            f"the model takes {count_of(len(tensors), 'input')}, not {len(values)}", where=model
        )
    for index, (value, tensor) in enumerate(zip(values, tensors, strict=True)):
        if value.dtype != tensor.dtype or value.size != tensor.elements:
            raise InputError(
                f"the model takes {tensor.elements} {tensor.dtype} values, "
                f"not {value.size} of {value.dtype}",
                where=f"{model}: input {index}" if len(tensors) > 1 else model,
            )
    return pack(tensors, values)


def unpack(tensors: Sequence[Tensor], block: bytes) -> tuple[Array, ...]:
    """Return the value of each of `tensors` in `block`, in the shape that `sample_shape` gives."""
    return tuple(
        np.frombuffer(block, tensor.dtype, tensor.elements, begin).reshape(sample_shape(tensor))
        for tensor, begin in zip(tensors, offsets(tensors), strict=False)
    )
