"""The fixed-point arithmetic of TFLM's kernels in Python, for tables made at build time.

It contains the functions of `firmware/nn/nn_fixed.h`, and more that only tables need. Numbers are
Python integers, wrapped to 32 or 16 bits where the original wraps around.

Source: gemmlowp, fixedpoint/fixedpoint.h; TFLM, tensorflow/lite/kernels/internal/common.cc.
"""

from harness.model.quantized_multiplier import Multiplier

INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
LEAST_SHIFT = -31


def wrap(x: int, bits: int = 32) -> int:
    """Return `x` wrapped around to a two's complement number of `bits` bits."""
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def clamp(x: int, low: int, high: int) -> int:
    """Return the number nearest to `x` in low..high."""
    return max(low, min(x, high))


def high_mul(a: int, b: int) -> int:
    """Return a * b / 2^31, rounded to nearest, halves up (SaturatingRoundingDoublingHighMul)."""
    return min((a * b + (1 << 30)) >> 31, INT32_MAX)


def rounding_shift_right(x: int, exponent: int) -> int:
    """Return x / 2^exponent, rounded to nearest, halves away from zero (RoundingDivideByPOT)."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


def shift_left(x: int, exponent: int) -> int:
    """Return x * 2^exponent, saturated to 32 bits."""
    return clamp(x << exponent, INT32_MIN, INT32_MAX)


def scale(x: int, factor: Multiplier) -> int:
    """Return x times `factor`, rounded twice (MultiplyByQuantizedMultiplier)."""
    left, right = max(factor.shift, 0), max(-factor.shift, 0)
    return rounding_shift_right(high_mul(wrap(x << left), factor.value), right)


# Qm.n: m integer bits, n = 31 - m fractional bits, one sign bit.


def _exp_on_last_quarter(a: int) -> int:
    """Return exp(a) in Q0.31 for -1/4 <= a < 0 in Q0.31: a Taylor series around -1/8."""
    exp_minus_one_eighth, one_third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = high_mul(x, x)
    x3 = high_mul(x2, x)
    x4_over_4 = rounding_shift_right(high_mul(x2, x2), 2)
    higher = rounding_shift_right(high_mul(x4_over_4 + x3, one_third) + x2, 1)
    return exp_minus_one_eighth + high_mul(exp_minus_one_eighth, x + higher)


# exp(-1/4), exp(-1/2), exp(-1) ... exp(-16): one factor for each bit of -a.
_EXP_FACTORS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def exp_on_negative(a: int, integer_bits: int) -> int:
    """Return exp(a) in Q0.31 for a <= 0 with `integer_bits` (at most 5) integer bits."""
    if a == 0:
        return INT32_MAX
    quarter = 1 << (31 - integer_bits - 2)
    last_quarter = (a & (quarter - 1)) - quarter
    remainder = last_quarter - a
    result = _exp_on_last_quarter(shift_left(last_quarter, integer_bits))
    for bit, factor in enumerate(_EXP_FACTORS[: integer_bits + 2]):
        if remainder & (quarter << bit):
            result = high_mul(result, factor)
    return result


def _over_half_denominator(a: int) -> int:
    """Return 2 / (1 + a) in Q2.29 for 0 <= a < 1 in Q0.31: Newton's iteration."""
    q2_48_over_17, q2_minus_32_over_17, q2_one = 1515870810, -1010580540, 1 << 29
    half_denominator = (a + INT32_MAX + 1) // 2
    x = q2_48_over_17 + high_mul(half_denominator, q2_minus_32_over_17)
    for _ in range(3):
        error = q2_one - high_mul(half_denominator, x)
        x = wrap(x + shift_left(high_mul(x, error), 2))
    return x


def logistic(a: int) -> int:
    """Return 1 / (1 + exp(-a)) in Q0.31 for a in Q4.27."""
    if a == 0:
        return 1 << 30
    positive = shift_left(_over_half_denominator(exp_on_negative(-abs(a), 4)), 1)
    return positive if a > 0 else INT32_MAX - positive


def tanh(a: int) -> int:
    """Return the hyperbolic tangent in Q0.31 of a in Q4.27."""
    if a == 0:
        return 0
    # The bits of a in Q4.27 are those of 2 a in Q5.26.
    positive = shift_left(_over_half_denominator(exp_on_negative(-abs(a), 5)) - (1 << 29), 2)
    return positive if a > 0 else -positive


def inverse_sqrt(x: int) -> Multiplier:
    """Return 1 / sqrt(x) for x > 0: Newton's iteration in Q3.28, from a start value of 1.

    Source: common.h, GetInvSqrtQuantizedMultiplierExp.
    """
    if x == 1:
        return Multiplier(INT32_MAX, 0)
    right = 11
    while x >= 1 << 29:
        x //= 4
        right += 1
    pairs = (31 - x.bit_length()) // 2 - 1
    right -= pairs
    source = (x << 2 * pairs) >> 1
    half = rounding_shift_right(source, 1)
    half_three, half_sqrt_2 = (1 << 28) + (1 << 27), 1518500250
    result = 1 << 28
    for _ in range(5):
        square = high_mul(result, result)  # Q6.25
        cube = shift_left(high_mul(square, result), 6)  # from Q9.22
        first = high_mul(half_three, result)  # Q6.25
        result = shift_left(wrap(first - high_mul(half, cube)), 3)
    value = high_mul(result, half_sqrt_2)
    return Multiplier(wrap(value << max(-right, 0)), -max(right, 0))


# 16 bits, for HARD_SWISH.


def high_mul_16(a: int, b: int) -> int:
    """Return a * b / 2^15, rounded to nearest, halves up, for 16-bit numbers."""
    return min((a * b + (1 << 14)) >> 15, INT16_MAX)


def high_mul_16_truncated(a: int, b: int) -> int:
    """Return a * b / 2^15, truncated (SaturatingDoublingHighMul)."""
    magnitude = abs(a * b) >> 15
    return min(magnitude if a * b >= 0 else -magnitude, INT16_MAX)


def shift_left_16(x: int, exponent: int) -> int:
    """Return x * 2^exponent, saturated to 16 bits."""
    return clamp(x << exponent, INT16_MIN, INT16_MAX)


def rounding_shift_right_16(x: int, exponent: int) -> int:
    """Return `rounding_shift_right` for 16 bits; as in TFLM, the mask is cut to 16 bits."""
    mask = wrap((1 << exponent) - 1, 16)
    remainder = x & mask
    return wrap((x >> exponent) + (remainder > (mask >> 1) + (x < 0)), 16)
