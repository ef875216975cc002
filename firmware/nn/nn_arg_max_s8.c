/* Source: TFLM, tensorflow/lite/kernels/internal/reference/arg_min_max.h: the first of equal values
 * wins. */
#include "nn_kernels.h"

void nn_arg_max_s8(int32_t sign, int32_t outer, int32_t size, int32_t inner, const int8_t *input,
                   int32_t *output) {
    for (int32_t i = 0; i < outer * inner; i++) {
        const int8_t *values = input + (i / inner) * size * inner + i % inner;
        int32_t best = 0;
        for (int32_t j = 1; j < size; j++) {
            best = sign * values[j * inner] > sign * values[best * inner] ? j : best;
        }
        output[i] = best;
    }
}
