#define VALUE int8_t
#define VALUE_BITS 8
#define VALUE_MIN INT8_MIN
#define VALUE_MAX INT8_MAX

#include "nn_softmax_row.h"

void nn_softmax_s8(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                   const int8_t *input, int8_t *output) {
    for (int32_t row = 0; row < rows; row++) {
        softmax_row(params, depth, input + row * depth, output + row * depth);
    }
}
