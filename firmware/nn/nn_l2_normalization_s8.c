/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/l2normalization.h.
 */
#include "nn_kernels.h"

#include "nn_fixed_functions.h"

#define OUTPUT_BITS 7 /* the output's scale is 2^-7 */

void nn_l2_normalization_s8(int32_t zero_point, int32_t rows, int32_t depth, const int8_t *input,
                            int8_t *output) {
    for (int32_t row = 0; row < rows; row++, input += depth, output += depth) {
        uint32_t sum = 0;
        for (int32_t i = 0; i < depth; i++) {
            sum += (uint32_t)((input[i] - zero_point) * (input[i] - zero_point));
        }
        const nn_factor_t factor = nn_inverse_sqrt((int32_t)sum);
        for (int32_t i = 0; i < depth; i++) {
            const int32_t value =
                nn_scale(input[i] - zero_point, factor.multiplier, factor.shift + OUTPUT_BITS);
            output[i] = (int8_t)nn_clamp(value, INT8_MIN, INT8_MAX);
        }
    }
}
