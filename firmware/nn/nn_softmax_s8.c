/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/softmax.h, Softmax for int8 output, and
 * internal/common.h, GetReciprocal; gemmlowp, fixedpoint/fixedpoint.h,
 * exp_on_negative_values and one_over_one_plus_x_for_x_in_0_1.
 *
 * Qm.n: m integer bits, n = 31 - m fractional bits, one sign bit.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

#define DIFF_FRACTION_BITS 26 /* a difference is Q5.26 */
#define SUM_INTEGER_BITS 12   /* the sum of exponentials is Q12.19 */

/* exp(x) in Q0.31 for -1/4 <= x < 0 in Q0.31: a Taylor series around -1/8. */
static int32_t exp_on_last_quarter(int32_t a) {
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
static int32_t exp_on_negative(int32_t a) {
    /* exp(-1/4), exp(-1/2), exp(-1) ... exp(-16): one factor for each bit of -a. */
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
    const int32_t quarter = 1 << (DIFF_FRACTION_BITS - 2);
    const int32_t last_quarter = (a & (quarter - 1)) - quarter;
    const int32_t remainder = last_quarter - a;
    if (a == 0) {
        return INT32_MAX;
    }
    int32_t result = exp_on_last_quarter(nn_saturating_shift_left(last_quarter, 5));
    for (int i = 0; i < (int)(sizeof(factors) / sizeof(factors[0])); i++) {
        if (remainder & (quarter << i)) {
            result = nn_high_mul(result, factors[i]);
        }
    }
    return result;
}

/* 1 / (1 + a) in Q0.31 for 0 <= a < 1 in Q0.31: Newton's iteration, in Q2.29. */
static int32_t one_over_one_plus(int32_t a) {
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

static int leading_zeros(uint32_t x) {
    int count = 0;
    while (count < 32 && !(x & (UINT32_C(1) << 31))) {
        x <<= 1;
        count++;
    }
    return count;
}

static int32_t exp_of_difference(const nn_softmax_params_t *params, int32_t difference) {
    const int32_t shifted = (int32_t)((uint32_t)difference << params->shift);
    return exp_on_negative(nn_high_mul(shifted, params->multiplier));
}

static void softmax_row(const nn_softmax_params_t *params, int32_t depth, const int8_t *input,
                        int8_t *output) {
    int32_t max = INT8_MIN;
    for (int32_t i = 0; i < depth; i++) {
        max = input[i] > max ? input[i] : max;
    }
    uint32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t difference = input[i] - max;
        if (difference >= params->diff_min) {
            const int32_t value = exp_of_difference(params, difference);
            sum += (uint32_t)nn_rounding_shift_right(value, SUM_INTEGER_BITS);
        }
    }
    const int headroom = leading_zeros(sum);
    const int32_t scale = one_over_one_plus((int32_t)((sum << headroom) - (UINT32_C(1) << 31)));
    const int exponent = SUM_INTEGER_BITS - headroom + 31 - 8;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t difference = input[i] - max;
        int32_t value = INT8_MIN;
        /*
         * If more than 511 values are about equal, each result is below half of 1/256 and the
         * exponent exceeds 31. TFLM's kernel aborts in this case.
         */
        if (difference >= params->diff_min && exponent <= 31) {
            const int32_t exponential = exp_of_difference(params, difference);
            value += nn_rounding_shift_right(nn_high_mul(scale, exponential), exponent);
        }
        output[i] = (int8_t)nn_clamp(value, INT8_MIN, INT8_MAX);
    }
}

void nn_softmax_s8(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                   const int8_t *input, int8_t *output) {
    for (int32_t row = 0; row < rows; row++) {
        softmax_row(params, depth, input + row * depth, output + row * depth);
    }
}
