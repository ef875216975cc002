/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/batch_matmul.h, BatchMatMul.
 */
#include "nn_kernels.h"

#include "nn_real.h"

static float product(const nn_matmul_f32_params_t *p, const float *first, const float *second) {
    float sum = 0.0F;
    for (int32_t i = 0; i < p->depth; i++) {
        sum += *first * *second;
        first += p->first_depth;
        second += p->second_depth;
    }
    return sum;
}

/* Multiplies two matrices; returns the end of the result. */
static float *multiply(const nn_matmul_f32_params_t *p, const float *first, const float *second,
                       float *output) {
    for (int32_t row = 0; row < p->rows; row++, first += p->first_row) {
        for (int32_t column = 0; column < p->columns; column++) {
            *output++ = product(p, first, second + column * p->second_column);
        }
    }
    return output;
}

void nn_matmul_f32(const nn_matmul_f32_params_t *params, const nn_loops_t *pairs,
                   const float *first, const float *second, float *output) {
    nn_place_t place = {0};
    do {
        for (int32_t i = 0; i < pairs->size[0]; i++) {
            output = multiply(params, first + place.first + i * pairs->first[0],
                              second + place.second + i * pairs->second[0], output);
        }
    } while (nn_next(pairs, &place));
}
