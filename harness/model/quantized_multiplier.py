"""Converts real scales to the fixed-point numbers of TFLM's int8 kernels.

Each function repeats TFLM's arithmetic in the same precision and order, because a single
different bit of a multiplier can change an output byte.
"""

import math
from typing import NamedTuple

import numpy as np

from harness.model.operator_options import (
    Activation,
)

INT8_MIN, INT8_MAX = -128, 127
INT16_MIN, INT16_MAX = -32768, 32767
MIN_SHIFT = -31
_INT32 = np.iinfo(np.int32)


class Multiplier(NamedTuple):
    """`value` * 2^(`shift` - 31), with 2^30 <= value < 2^31, or zero."""

    value: int
    shift: int


def multiplier(real: float) -> Multiplier:
    """Quantize the non-negative factor `real`.

    Source: TFLM tensorflow/lite/kernels/internal/quantization_util.cc, QuantizeMultiplier.
    """
    if real == 0.0:
        return Multiplier(0, 0)
    fraction, shift = math.frexp(real)
    value = math.floor(fraction * (1 << 31) + 0.5)
    if value == 1 << 31:
        value //= 2
        shift += 1
    # Below 2^-31 every product rounds to zero, and a shift of more than 31 is undefined.
    return Multiplier(0, 0) if shift < MIN_SHIFT else Multiplier(value, shift)


def product_multiplier(source: float, weights: float, result: float) -> Multiplier:
    """Quantize source * weights / result, in double precision throughout.

    Source: kernel_util.cc, PopulateConvolutionQuantizationParams. For a fully-connected
    layer with one scale, published sources (GetQuantizedConvolutionMultipler) round the
    product to float32 first; the `tflite-micro` wheel does not, and the wheel is golden.
    """
    return multiplier(float(source) * float(weights) / float(result))


def reduced_multiplier(value: int) -> int:
    """Return the 15 bits of a multiplier that TFLM uses for a sum of 64 bits.

    Source: common.cc, MultiplyByQuantizedMultiplier.
    """
    return min((value + (1 << 15)) >> 16, INT16_MAX)


def mean_multiplier(source: float, result: float, count: int) -> Multiplier:
    """Quantize source / result, divided by the `count` of summed values.

    Source: reduce.h, QuantizedMeanOrSum: it shifts the factor left as far as it fits, then does
    an integer division, truncated.
    """
    factor = multiplier(float(source) / float(result))
    bits = min(count.bit_length() - 1, 32, 31 + factor.shift)
    return Multiplier((factor.value << bits) // count, factor.shift - bits)


def activation_range(
    activation: Activation,
    scale: float,
    zero_point: int,
    limits: tuple[int, int] = (INT8_MIN, INT8_MAX),
) -> tuple[int, int]:
    """Return the least and greatest output of `activation` within `limits`, those of the type.

    Raises `ValueError` if a bound does not fit into 32 bits, `KeyError` if the activation is
    not a clamp. Source: kernel_util.cc, CalculateActivationRangeQuantizedImpl.
    """
    low, high = ACTIVATION_BOUNDS[activation]
    least, greatest = limits
    if low is not None:
        least = max(least, _quantize(low, scale, zero_point))
    if high is not None:
        greatest = min(greatest, _quantize(high, scale, zero_point))
    return least, greatest


ACTIVATION_BOUNDS: dict[Activation, tuple[float | None, float | None]] = {
    Activation.NONE: (None, None),
    Activation.RELU: (0.0, None),
    Activation.RELU6: (0.0, 6.0),
    Activation.RELU_N1_TO_1: (-1.0, 1.0),
}


def _quantize(real: float, scale: float, zero_point: int) -> int:
    """Divide in float32 and round half away from zero, as C's roundf does."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(real) / np.float32(scale))
    if not abs(quotient) < _INT32.max:
        raise ValueError(f"{real} / {scale} does not fit into 32 bits")
    return zero_point + int(math.copysign(math.floor(abs(quotient) + 0.5), quotient))


def softmax_parameters(beta: float, scale: float) -> tuple[Multiplier, int]:
    """Return the factor to Q5.26, and the least difference to the maximum that is not ignored.

    Raises `ValueError` where TFLM aborts: if the factor is at most 1.
    Source: quantization_util.cc, PreprocessSoftmaxScaling and CalculateInputRadius.
    """
    integer_bits = 5
    real = min(beta * scale * (1 << (31 - integer_bits)), (1 << 31) - 1.0)
    if not real > 1.0:
        raise ValueError(f"beta {beta} times scale {scale} is too small")
    factor = multiplier(real)
    radius = ((1 << integer_bits) - 1) * (1 << (31 - integer_bits)) / (1 << factor.shift)
    return factor, -math.floor(radius)


def log_softmax_parameters(scale: float) -> tuple[Multiplier, Multiplier, int]:
    """Return the factors to Q5.26 and back, and the least difference that is not ignored.

    Raises `ValueError` where TFLM aborts.
    Source: quantization_util.cc, PreprocessLogSoftmaxScalingExp.
    """
    to_q5, least = softmax_parameters(1.0, scale)
    return to_q5, multiplier((1 << (31 - to_q5.shift)) / to_q5.value), least


class AddParameters(NamedTuple):
    """The three factors of an int8 addition or subtraction, all below 1."""

    first: Multiplier
    second: Multiplier
    result: Multiplier


ADD_LEFT_SHIFT = 20


def add_parameters(
    first: float, second: float, result: float, left_shift: int = ADD_LEFT_SHIFT
) -> AddParameters:
    """Return the factors that convert both inputs to twice the larger scale, and back.

    `left_shift` is the number of bits by which the kernel shifts its inputs first.

    Raises `ValueError` where TFLM aborts: if a factor is 0, or 1 or more.
    Source: add_common.cc, CalculateOpDataAdd, and sub_common.cc. The published source of the
    latter divides in float32; the `tflite-micro` wheel does not.
    """
    twice = 2.0 * max(first, second)
    if twice == 0.0 or result == 0.0:
        raise ValueError("a scale is 0")
    factors = (first / twice, second / twice, twice / ((1 << left_shift) * result))
    if not all(0.0 < factor < 1.0 for factor in factors):
        raise ValueError(f"scales {first}, {second} and {result} are too far apart")
    quantized = AddParameters(*(multiplier(factor) for factor in factors))
    if any(factor.shift > 0 for factor in quantized):
        raise ValueError(f"scales {first}, {second} and {result} are too far apart")
    return quantized


class SquaredDifferenceParameters(NamedTuple):
    """The factors of both inputs, below 1, and of the square of their difference."""

    first: Multiplier
    second: Multiplier
    result: Multiplier


SQUARED_DIFFERENCE_LEFT_SHIFT = 7


def squared_difference_parameters(
    first: float, second: float, result: float, left_shift: int = SQUARED_DIFFERENCE_LEFT_SHIFT
) -> SquaredDifferenceParameters:
    """Return the factors that convert both inputs to twice the larger scale, and the square back.

    `left_shift` is the number of bits by which the kernel shifts its inputs first.

    Raises `ValueError` where TFLM aborts: if a factor of an input is 0.
    Source: squared_difference.cc, PrepareQuantized.
    """
    twice = 2.0 * max(first, second)
    factors = (first / twice, second / twice)
    square = twice * twice / ((1 << 2 * left_shift) * result)
    if not all(0.0 < factor < 1.0 for factor in factors) or not math.isfinite(square):
        raise ValueError(f"scales {first}, {second} and {result} are too far apart")
    return SquaredDifferenceParameters(*(multiplier(factor) for factor in (*factors, square)))
