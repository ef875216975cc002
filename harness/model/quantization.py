"""Converts real values to a tensor's integers and back: value = scale * (stored - zero point)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.graph import Tensor

Floats = npt.NDArray[np.float64]


def quantize(values: npt.NDArray[Any], tensor: Tensor) -> npt.NDArray[Any]:
    """Return real `values`, of any shape, quantized for `tensor`, in its dtype.

    As in TensorFlow Lite's converter, they are rounded to the nearest step, halves to even, and
    clipped to the dtype's range. Raises `InputError` unless `tensor` has exactly one scale.
    """
    scale, zero_point = _parameters(tensor)
    limits = np.iinfo(tensor.dtype)
    with np.errstate(over="ignore"):  # an overflow to infinity is clipped below
        steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor.dtype)


def dequantize(stored: npt.NDArray[Any], tensor: Tensor) -> Floats:
    """Return the real values of `stored`, values of `tensor`: float64 of the same shape.

    A tensor without scale stores real values.
    """
    if tensor.scale is None:
        return stored.astype(np.float64)
    scale, zero_point = _parameters(tensor)
    return scale * (stored.astype(np.float64) - zero_point)


def _parameters(tensor: Tensor) -> tuple[np.float32, int]:
    """Return the scale and zero point of a tensor; `InputError` unless it has one of each."""
    if tensor.scale is None or tensor.zero_point is None or tensor.scale.size != 1:
        count = 0 if tensor.scale is None else tensor.scale.size
        raise InputError(
            f"has {count} scales; quantizing real values needs exactly one",
            where=f"tensor {tensor.name[:80]!r}",
            remedy="convert the model to full-integer int8",
        )
    return tensor.scale[0], int(tensor.zero_point[0])
