/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/batch_matmul.h, BatchMatMul, and
 * integer_ops/fully_connected.h.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

static int32_t product(const nn_matmul_params_t *p, const int8_t *first, const int8_t *second) {
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        sum += (*first + p->first_offset) * (*second + p->second_offset);
        first += p->first_depth;
        second += p->second_depth;
    }
    return sum;
}

/* Multiplies two matrices; returns the end of the result. */
static int8_t *multiply(const nn_matmul_params_t *p, const int8_t *first, const int8_t *second,
                        const int32_t *bias, int8_t *output) {
    for (int32_t row = 0; row < p->rows; row++, first += p->first_row) {
        for (int32_t column = 0; column < p->columns; column++) {
            const int32_t products = product(p, first, second + column * p->second_column);
            const int32_t sum = nn_wrapping_sum(products, bias ? bias[column] : 0);
            const int32_t value =
                nn_wrapping_sum(nn_scale(sum, p->multiplier, p->shift), p->output_offset);
            *output++ = (int8_t)nn_clamp(value, p->activation_min, p->activation_max);
        }
    }
    return output;
}

void nn_matmul_s8(const nn_matmul_params_t *params, const nn_loops_t *pairs, const int8_t *first,
                  const int8_t *second, const int32_t *bias, int8_t *output) {
    nn_place_t place = {0};
    do {
        for (int32_t i = 0; i < pairs->size[0]; i++) {
            output = multiply(params, first + place.first + i * pairs->first[0],
                              second + place.second + i * pairs->second[0], bias, output);
        }
    } while (nn_next(pairs, &place));
}
