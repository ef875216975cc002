/*
 * The fixed-point arithmetic of TFLM's int8 kernels.
 *
 * Source: gemmlowp, fixedpoint/fixedpoint.h, and TFLM,
 * tensorflow/lite/kernels/internal/common.h. The names follow those sources. If the originals
 * overflow a signed integer, these functions wrap around.
 */
#ifndef NN_FIXED_H
#define NN_FIXED_H

#include <stdint.h>

/* a * b / 2^31, rounded to nearest, halves up; INT32_MIN * INT32_MIN saturates. */
static inline int32_t nn_high_mul(int32_t a, int32_t b) {
    if (a == INT32_MIN && b == INT32_MIN) {
        return INT32_MAX;
    }
    /*
     * gemmlowp adds 2^30, or 1 - 2^30 if the product is negative, and divides towards
     * zero. Adding 2^30 and an arithmetic shift give the same result.
     */
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest, halves away from zero; 0 <= exponent <= 31. */
static inline int32_t nn_rounding_shift_right(int32_t x, int exponent) {
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    const int32_t remainder = x & mask;
    const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
    return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * 2^exponent, saturating. */
static inline int32_t nn_saturating_shift_left(int32_t x, int exponent) {
    const int32_t threshold = (int32_t)((UINT32_C(1) << (31 - exponent)) - 1);
    if (x > threshold) {
        return INT32_MAX;
    }
    if (x < -threshold) {
        return INT32_MIN;
    }
    return (int32_t)((uint32_t)x << exponent);
}

/* TFLM's MultiplyByQuantizedMultiplier with two roundings; -31 <= shift <= 0. */
static inline int32_t nn_scale_down(int32_t x, int32_t multiplier, int32_t shift) {
    return nn_rounding_shift_right(nn_high_mul(x, multiplier), (int)-shift);
}

/* As nn_scale_down(), for -31 <= shift <= 30. */
static inline int32_t nn_scale(int32_t x, int32_t multiplier, int32_t shift) {
    if (shift <= 0) {
        return nn_scale_down(x, multiplier, shift);
    }
    return nn_high_mul((int32_t)((uint32_t)x << shift), multiplier);
}

/* a + b; wraps around. */
static inline int32_t nn_wrapping_sum(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t nn_clamp(int32_t x, int32_t low, int32_t high) {
    if (x < low) {
        return low;
    }
    return x > high ? high : x;
}

#endif
