/*
 * The softmax of one row of int8. The file that includes this one defines the output: its type
 * VALUE, and VALUE_BITS, VALUE_MIN and VALUE_MAX of this type.
 *
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/softmax.h, Softmax for integer output, and
 * internal/common.h, GetReciprocal.
 *
 * Qm.n: m integer bits, n = 31 - m fractional bits, one sign bit.
 */
#ifndef NN_SOFTMAX_ROW_H
#define NN_SOFTMAX_ROW_H

#include "nn_kernels.h"

#include "nn_fixed_functions.h"

#define SUM_INTEGER_BITS 12 /* the sum of exponentials is Q12.19 */

static int32_t exp_of_difference(const nn_softmax_params_t *params, int32_t difference) {
    const int32_t shifted = (int32_t)((uint32_t)difference << params->shift);
    return nn_exp_on_negative(nn_high_mul(shifted, params->multiplier));
}

static void softmax_row(const nn_softmax_params_t *params, int32_t depth, const int8_t *input,
                        VALUE *output) {
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
    const int headroom = nn_leading_zeros(sum);
    const int32_t scale = nn_one_over_one_plus((int32_t)((sum << headroom) - (UINT32_C(1) << 31)));
    const int exponent = SUM_INTEGER_BITS - headroom + 31 - VALUE_BITS;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t difference = input[i] - max;
        int32_t value = VALUE_MIN;
        /*
         * If more than 511 values are about equal, each 8-bit result is below half of 1/256 and
         * the exponent exceeds 31. TFLM's kernel aborts in this case.
         */
        if (difference >= params->diff_min && exponent <= 31) {
            const int32_t exponential = exp_of_difference(params, difference);
            value += nn_rounding_shift_right(nn_high_mul(scale, exponential), exponent);
        }
        output[i] = (VALUE)nn_clamp(value, VALUE_MIN, VALUE_MAX);
    }
}

#endif
