#define VALUE int16_t
#define VALUE_BITS 16
#define VALUE_MIN INT16_MIN
#define VALUE_MAX INT16_MAX

#include "nn_softmax_row.h"

void nn_softmax_s8_s16(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                       const int8_t *input, int16_t *output) {
    for (int32_t row = 0; row < rows; row++) {
        softmax_row(params, depth, input + row * depth, output + row * depth);
    }
}
