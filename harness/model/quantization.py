"""Between real values and the integers a tensor stores: value = scale * (stored - zero point)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InputError
from harness.model.graph import Tensor

Floats = npt.NDArray[np.float64]


def quantize(values: npt.NDArray[Any], tensor: Tensor) -> npt.NDArray[Any]:
    """Return real `values`, of any shape, as `tensor` stores them, in its dtype.

    To the nearest step, halves to even, and limited to the dtype's range, as TensorFlow
    Lite's converter has it. Raises `InputError` if `tensor` has no one scale.
    """
    scale, zero_point = _parameters(tensor)
    limits = np.iinfo(tensor.dtype)
    with np.errstate(over="ignore"):  # beyond float is beyond the range as well
        steps = np.round(values / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(tensor.dtype)


def dequantize(stored: npt.NDArray[Any], tensor: Tensor) -> Floats:
    """Return the real values, float64 of the same shape, that `stored` of `tensor` stands for.

    A tensor without scale stores the values themselves.
    """
    if tensor.scale is None:
        return stored.astype(np.float64)
    scale, zero_point = _parameters(tensor)
    return scale * (stored.astype(np.float64) - zero_point)


def _parameters(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point of a tensor that has one of each."""
    if tensor.scale is None or tensor.zero_point is None or tensor.scale.size != 1:
        count = 0 if tensor.scale is None else tensor.scale.size
        raise InputError(
            f"has {count} scales, so that no real value can be quantized for it",
            where=f"tensor {tensor.name[:80]!r}",
            remedy="convert the model to full-integer int8",
        )
    return tensor.scale[0], int(tensor.zero_point[0])
