"""Stores a user's values as a network's input: in its type, quantized if they are real values."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.graph import Tensor
from harness.model.quantization import quantize
from harness.support.input_file import MAX_BYTES
from harness.support.plural import count_of

Array = npt.NDArray[Any]


def empty_inputs(count: int, tensor: Tensor, shape: tuple[int, ...], where: str) -> Array:
    """Return an array for `count` inputs [N, *shape]; `InputError` if they are too large."""
    size = count * tensor.nbytes
    if size > MAX_BYTES:
        raise InputError(
            f"gives {count_of(count, 'input')}, which take {size >> 20:,} MiB; at most "
            f"{MAX_BYTES >> 20} MiB are supported",
            where=where,
            remedy=f"give at most {MAX_BYTES // tensor.nbytes:,} vectors",
        )
    return np.empty((count, *shape), tensor.dtype)


def check_finite(values: Array, first: int, where: str) -> None:
    """Raise `InputError` if `values` [n, ...], vectors from number `first`, are not all finite."""
    if values.dtype.kind != "f":
        return
    wrong = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
    if wrong.size:
        raise InputError(
            f"holds values that are not finite, first in vector {first + wrong[0]}",
            where=where,
            remedy="save finite numbers",
        )


def store(values: Array, tensor: Tensor, where: str) -> Array:
    """Return `values`, of any shape, as the input `tensor` stores them.

    Values of its type are stored unchanged. Other ones are real values: they are quantized with
    the tensor's own scale. Without a scale, they must be whole numbers of an integer type. Raises
    `InputError`, naming `where`, if they do not fit.
    """
    if values.dtype == tensor.dtype:
        return values
    if tensor.dtype.kind == "f":
        return _store_floats(values, tensor.dtype, where)
    if tensor.scale is None:
        return store_integers(values, tensor.dtype, where)
    return quantize(values, tensor)


def _store_floats(values: Array, dtype: np.dtype[Any], where: str) -> Array:
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    if not (finite := np.isfinite(stored)).all():
        raise InputError(
            f"holds {values[~finite].flat[0]:g}, which is beyond the range of {dtype}",
            where=where,
            remedy="give smaller numbers",
        )
    return stored


def store_integers(values: Array, dtype: np.dtype[Any], where: str) -> Array:
    """Return whole `values` in the integer type `dtype`; `InputError` if they do not fit."""
    limits = np.iinfo(dtype)
    wrong = (values != np.round(values)) | (values < limits.min) | (values > limits.max)
    if wrong.any():
        first = values[wrong].flat[0]
        raise InputError(
            f"holds {first:g}, but {dtype} holds whole numbers from {limits.min:,} to "
            f"{limits.max:,}",
            where=where,
            remedy="give the numbers that the network stores, or real values with another "
            "--preprocess",
        )
    return values.astype(dtype)


def describe_quantization(tensor: Tensor) -> str:
    """Return a description of the conversion from real values to the input `tensor`."""
    if tensor.dtype.kind == "f":
        return f"real values as {tensor.dtype}"
    if tensor.scale is None or tensor.zero_point is None:
        return f"whole numbers as {tensor.dtype}"
    return (
        f"real values, quantized to {tensor.dtype} with the model's own input scale "
        f"{tensor.scale[0]:.9g} and zero point {tensor.zero_point[0]}"
    )
