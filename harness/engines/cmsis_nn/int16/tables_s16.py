"""Tables that kernels of int16 interpolate in; all layers of a model share one of each."""

import math
from collections.abc import Callable

import numpy as np

from harness.engines.cmsis_nn.layer import Array
from harness.model.quantized_multiplier import INT16_MAX, INT16_MIN

_F = np.float32
_STEPS = 512
_RANGE = _F(INT16_MAX - INT16_MIN)


def sigmoid() -> Array:
    """Return the logistic function of i / 24, in Q0.16. Source: common.h, sigmoid_table_uint16.

    Each value is moved by half the error of an interpolation in the middle of its step. The last
    one is the limit.
    """

    def exact(i: float) -> float:
        return 65536 / (1 + math.exp(-i / 24))

    errors = [(exact(i) + exact(i + 1)) / 2 - exact(i + 0.5) for i in range(255)]
    values = [round(exact(i) - error / 2) for i, error in enumerate(errors)]
    note = "65536 / (1 + exp(-i / 24))"
    return Array("table_sigmoid", np.array([*values, 65535], np.uint16), note)


def exponential() -> Array:
    """Return exp(x) for x = -10 to 0, in Q0.15. Source: softmax_common.cc."""
    values = _interpolation(_F(10.0) / _RANGE, INT16_MAX, lambda x: _F(math.exp(x)))
    return Array("table_exponential", values, "32768 * exp(x) for x = -10 to 0")


def reciprocal() -> Array:
    """Return 1 / (1 + x) for x = 0 to 1, in Q0.15. Source: softmax_common.cc."""
    values = _interpolation(_F(1.0) / _RANGE, INT16_MIN, lambda x: _F(1) / (_F(1) + x))
    return Array("table_reciprocal", values, "32768 / (1 + x) for x = 0 to 1")


def _interpolation(
    scale: np.float32, zero_point: int, function: Callable[[np.float32], np.float32]
) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return 513 values to interpolate between, in float32 throughout as TFLM computes them.

    Each is moved so that the middle of its step is right. The output has scale 2 / 65535 and zero
    point 0. Source: common.h, LUTPopulateInt16.
    """
    first = scale * _F(INT16_MIN - zero_point)
    last = scale * _F(INT16_MAX - zero_point)
    step = (last - first) / _F(_STEPS)
    output_scale = _F(2.0) / _RANGE
    unit = _F(65536) / (output_scale * _F(INT16_MAX) - output_scale * _F(INT16_MIN))
    values = []
    for i in range(_STEPS):
        start = first + _F(i) * step
        here, next_ = function(start), function(first + _F(i + 1) * step)
        between = function(start + step / _F(2))
        sample = _round(here * unit)
        middle = _round((next_ * unit + sample) / _F(2))
        bias = _round((middle - _round(between * unit)) / _F(2))
        values.append(sample - bias)
    values.append(_round(function(last) * unit))
    return np.clip(np.array(values, np.float32), INT16_MIN, INT16_MAX).astype(np.int16)


def _round(x: np.float32) -> np.float32:
    """Return `x` rounded to nearest, halves away from zero, as C's roundf does."""
    return _F(math.copysign(math.floor(abs(float(x)) + 0.5), float(x)))
