"""The block of bytes that holds all inputs of a model on the device, or all outputs.

The tensors lie in the model's order, each at the next multiple of 4 bytes, little-endian, with
padding between them. The block of a single tensor is the tensor itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.model.graph import Tensor

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


def pack(tensors: Sequence[Tensor], values: Sequence[Array]) -> bytes:
    """Return the block of `values`; each has the dtype and number of elements of its tensor."""
    block = bytearray(size(tensors))
    for begin, value in zip(offsets(tensors), values, strict=False):
        data = np.ascontiguousarray(value).tobytes()
        block[begin : begin + len(data)] = data
    return bytes(block)


def unpack(tensors: Sequence[Tensor], block: bytes) -> tuple[Array, ...]:
    """Return the value of each of `tensors` in `block`, in the shape that `sample_shape` gives."""
    return tuple(
        np.frombuffer(block, tensor.dtype, tensor.elements, begin).reshape(sample_shape(tensor))
        for tensor, begin in zip(tensors, offsets(tensors), strict=False)
    )
