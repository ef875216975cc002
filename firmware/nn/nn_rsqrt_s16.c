/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/elementwise.cc, RsqrtEvalQuantized.
 */
#include "nn_kernels.h"

#include "nn_fixed_functions.h"

#define FRACTION_BITS 20 /* of the reciprocal of the root */

int nn_rsqrt_s16(const nn_factor_t *factor, int32_t size, const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < size; i++) {
        if (input[i] < 0) {
            return 1;
        }
        if (input[i] == 0) {
            output[i] = INT16_MAX;
            continue;
        }
        const nn_factor_t inverse = nn_inverse_sqrt(input[i]);
        const int32_t value = nn_scale(1, inverse.multiplier, inverse.shift + FRACTION_BITS);
        const int32_t result = nn_scale(value, factor->multiplier, factor->shift);
        output[i] = (int16_t)nn_clamp(result, INT16_MIN, INT16_MAX);
    }
    return 0;
}
