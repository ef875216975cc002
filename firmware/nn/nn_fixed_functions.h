/*
 * Functions of TFLM's int8 kernels in fixed point: exponential, reciprocal, square root.
 *
 * Source of the arithmetic: gemmlowp, fixedpoint/fixedpoint.h, exp_on_negative_values and
 * one_over_one_plus_x_for_x_in_0_1; TFLM, tensorflow/lite/kernels/internal/common.h.
 *
 * Qm.n: m integer bits, n = 31 - m fractional bits, one sign bit.
 */
#ifndef NN_FIXED_FUNCTIONS_H
#define NN_FIXED_FUNCTIONS_H

#include "nn_fixed.h"
#include "nn_kernels.h"

/* A file may use some of the functions only. Not `inline`: the compiler decides better alone. */
#define NN_SHARED __attribute__((unused))

#define NN_EXP_FRACTION_BITS 26 /* the argument of nn_exp_on_negative() is Q5.26 */

/* exp(x) in Q0.31 for -1/4 <= x < 0 in Q0.31: a Taylor series around -1/8. */
NN_SHARED static int32_t nn_exp_on_last_quarter(int32_t a) {
    const int32_t exp_minus_one_eighth = 1895147668;
    const int32_t one_third = 715827883;
    const int32_t x = a + (1 << 28);
    const int32_t x2 = nn_high_mul(x, x);
    const int32_t x3 = nn_high_mul(x2, x);
    const int32_t x4 = nn_high_mul(x2, x2);
    const int32_t x4_over_4 = nn_rounding_shift_right(x4, 2);
    const int32_t higher = nn_rounding_shift_right(nn_high_mul(x4_over_4 + x3, one_third) + x2, 1);
    return exp_minus_one_eighth + nn_high_mul(exp_minus_one_eighth, x + higher);
}

/* exp(a) in Q0.31 for a <= 0 in Q5.26. */
NN_SHARED static int32_t nn_exp_on_negative(int32_t a) {
    /* exp(-1/4), exp(-1/2), exp(-1) ... exp(-16): one factor for each bit of -a. */
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = 1 << (NN_EXP_FRACTION_BITS - 2);
    const int32_t last_quarter = (a & (quarter - 1)) - quarter;
    const int32_t remainder = last_quarter - a;
    if (a == 0) {
        return INT32_MAX;
    }
    int32_t result = nn_exp_on_last_quarter(nn_saturating_shift_left(last_quarter, 5));
    for (int i = 0; i < (int)(sizeof(factors) / sizeof(factors[0])); i++) {
        if (remainder & (quarter << i)) {
            result = nn_high_mul(result, factors[i]);
        }
    }
    return result;
}

/* 1 / (1 + a) in Q0.31 for 0 <= a < 1 in Q0.31: Newton's iteration, in Q2.29. */
NN_SHARED static int32_t nn_one_over_one_plus(int32_t a) {
    const int32_t q2_48_over_17 = 1515870810;
    const int32_t q2_minus_32_over_17 = -1010580540;
    const int32_t q2_one = 1 << 29;
    const int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
    int32_t x = q2_48_over_17 + nn_high_mul(half_denominator, q2_minus_32_over_17);
    for (int i = 0; i < 3; i++) {
        const int32_t error = q2_one - nn_high_mul(half_denominator, x);
        x += nn_saturating_shift_left(nn_high_mul(x, error), 2);
    }
    return nn_saturating_shift_left(x, 1);
}

NN_SHARED static int nn_leading_zeros(uint32_t x) {
    int count = 0;
    while (count < 32 && !(x & (UINT32_C(1) << 31))) {
        x <<= 1;
        count++;
    }
    return count;
}

/*
 * 1 / sqrt(x): Newton's iteration in Q3.28, from a start value of 1. 0 counts as 1.
 * Source: common.h, GetInvSqrtQuantizedMultiplierExp.
 */
NN_SHARED static nn_factor_t nn_inverse_sqrt(int32_t x) {
    if (x <= 1) {
        return (nn_factor_t){INT32_MAX, 0};
    }
    int right = 11;
    for (; x >= 1 << 29; x /= 4) {
        right++;
    }
    const int pairs = (nn_leading_zeros((uint32_t)x) - 1) / 2 - 1;
    x = (int32_t)((uint32_t)x << 2 * pairs);
    right -= pairs;
    const int32_t input = x >> 1;
    const int32_t half_input = nn_rounding_shift_right(input, 1);
    const int32_t half_three = (1 << 28) + (1 << 27), half_sqrt_2 = 1518500250;
    int32_t result = 1 << 28;
    for (int i = 0; i < 5; i++) {
        const int32_t square = nn_high_mul(result, result);                            /* Q6.25 */
        const int32_t cube = nn_saturating_shift_left(nn_high_mul(square, result), 6); /* Q9.22 */
        const int32_t first = nn_high_mul(half_three, result);                         /* Q6.25 */
        result = nn_saturating_shift_left(first - nn_high_mul(half_input, cube), 3);
    }
    const int32_t multiplier = nn_high_mul(result, half_sqrt_2);
    if (right < 0) {
        return (nn_factor_t){(int32_t)((uint32_t)multiplier << -right), 0};
    }
    return (nn_factor_t){multiplier, -right};
}

#endif
