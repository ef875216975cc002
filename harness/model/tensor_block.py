"""The block of bytes in which a device has all inputs of a model, or all outputs.

Tensors stand in it in the model's order, each at the next multiple of 4 bytes, little-endian.
What lies between them means nothing. The block of one tensor is that tensor.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.model.graph import Tensor

Array = np.ndarray[Any, Any]

ALIGNMENT = 4
"""Bytes; no element of a tensor is larger."""


def offsets(tensors: Sequence[Tensor]) -> list[int]:
    """Return at which byte of the block each of `tensors` begins, and, last, the block's size."""
    found = [0]
    for tensor in tensors:
        begin = -(-found[-1] // ALIGNMENT) * ALIGNMENT
        found[-1] = begin
        found.append(begin + tensor.nbytes)
    return found


def size(tensors: Sequence[Tensor]) -> int:
    """Return the bytes of the block."""
    return offsets(tensors)[-1]


def sample(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape of a vector for `tensor`: its own without a leading batch of 1."""
    return tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape


def pack(tensors: Sequence[Tensor], values: Sequence[Array]) -> bytes:
    """Return the block of `values`, which have the tensors' dtypes and numbers of elements."""
    block = bytearray(size(tensors))
    for begin, value in zip(offsets(tensors), values, strict=False):
        data = np.ascontiguousarray(value).tobytes()
        block[begin : begin + len(data)] = data
    return bytes(block)


def unpack(tensors: Sequence[Tensor], block: bytes) -> tuple[Array, ...]:
    """Return the value of each of `tensors` in `block`, each in the shape of `sample`."""
    return tuple(
        np.frombuffer(block, tensor.dtype, tensor.elements, begin).reshape(sample(tensor))
        for tensor, begin in zip(tensors, offsets(tensors), strict=False)
    )
