/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/batch_matmul.h, BatchMatMul for int16.
 */
#include "nn_fixed.h"
#include "nn_sums.h"

static int64_t product(const nn_matmul_params_t *p, const int16_t *first, const int16_t *second) {
    int64_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        sum += *first * *second;
        first += p->first_depth;
        second += p->second_depth;
    }
    return sum;
}

/* Multiplies two matrices; returns the end of the result. */
static int16_t *multiply(const nn_matmul_params_t *p, const int16_t *first, const int16_t *second,
                         int16_t *output) {
    for (int32_t row = 0; row < p->rows; row++, first += p->first_row) {
        for (int32_t column = 0; column < p->columns; column++) {
            const int64_t sum = product(p, first, second + column * p->second_column);
            const int32_t value = nn_scale_wide(sum, p->multiplier, p->shift);
            *output++ = (int16_t)nn_clamp(value, p->activation_min, p->activation_max);
        }
    }
    return output;
}

void nn_matmul_s16(const nn_matmul_params_t *params, const nn_loops_t *pairs, const int16_t *first,
                   const int16_t *second, int16_t *output) {
    nn_place_t place = {0};
    do {
        for (int32_t i = 0; i < pairs->size[0]; i++) {
            output = multiply(params, first + place.first + i * pairs->first[0],
                              second + place.second + i * pairs->second[0], output);
        }
    } while (nn_next(pairs, &place));
}
