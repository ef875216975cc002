/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/transpose_conv.h, TransposeConv.
 *
 * TFLM goes through the input and adds each value to the outputs that it touches. This goes through
 * the output; a window is read backwards, so the values are added in the same order.
 */
#include "nn_kernels.h"

#include "nn_real.h"
#include "nn_transposed.h"

/* Adds the products of one pixel of the input; `step` is from one channel's weights to the next. */
static void add_pixel(const nn_transpose_conv_f32_params_t *p, const float *values,
                      const float *weights, int32_t step, float *sums) {
    for (int32_t channel = 0; channel < p->channels; channel++, weights += step) {
        float sum = sums[channel];
        for (int32_t i = 0; i < p->depth; i++) {
            sum += values[i] * weights[i];
        }
        sums[channel] = sum;
    }
}

static void add_window(const nn_transpose_conv_f32_params_t *p, int32_t row, int32_t column,
                       const float *input, const float *weights, float *sums) {
    const int32_t step = p->height.window * p->width.window * p->depth;
    for (int32_t y = p->height.window - 1; y >= 0; y--) {
        const int32_t from_row = nn_origin(row, y, &p->height);
        for (int32_t x = p->width.window - 1; from_row >= 0 && x >= 0; x--) {
            const int32_t from_column = nn_origin(column, x, &p->width);
            if (from_column >= 0) {
                const int32_t pixel = from_row * p->width.input + from_column;
                const int32_t place = y * p->width.window + x;
                add_pixel(p, input + pixel * p->depth, weights + place * p->depth, step, sums);
            }
        }
    }
}

void nn_transpose_conv_f32(const nn_transpose_conv_f32_params_t *params, const float *input,
                           const float *weights, const float *bias, float *output) {
    const nn_transpose_conv_f32_params_t p = *params;
    for (int32_t image = 0; image < p.images; image++) {
        for (int32_t row = 0; row < p.height.output; row++) {
            for (int32_t column = 0; column < p.width.output; column++) {
                memset(output, 0, (size_t)p.channels * sizeof(float));
                add_window(&p, row, column, input, weights, output);
                for (int32_t i = 0; i < p.channels; i++, output++) {
                    const float sum = bias ? *output + bias[i] : *output;
                    *output = nn_clamp_f32(sum, p.least, p.greatest);
                }
            }
        }
        input += p.height.input * p.width.input * p.depth;
    }
}
