/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h. TFLM adds each input
 * value to many outputs, which takes a buffer of 32-bit sums. This kernel instead gathers, for each
 * output value, the inputs that contribute to it. The sums are the same.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"
#include "nn_transposed.h"

static int32_t product(const nn_transpose_conv_params_t *p, const int8_t *values,
                       const int8_t *weights) {
    int32_t sum = 0;
    for (int32_t i = 0; i < p->depth; i++) {
        sum += (values[i] + p->input_offset) * weights[i];
    }
    return sum;
}

/* Returns one output value before its bias; `weights` are those of its channel. */
static int32_t gather(const nn_transpose_conv_params_t *p, int32_t row, int32_t column,
                      const int8_t *input, const int8_t *weights) {
    int32_t sum = 0;
    for (int32_t y = 0; y < p->height.window; y++) {
        const int32_t from_row = nn_origin(row, y, &p->height);
        if (from_row < 0) {
            continue;
        }
        for (int32_t x = 0; x < p->width.window; x++) {
            const int32_t from_column = nn_origin(column, x, &p->width);
            if (from_column >= 0) {
                const int32_t pixel = from_row * p->width.input + from_column;
                const int32_t place = y * p->width.window + x;
                sum += product(p, input + pixel * p->depth, weights + place * p->depth);
            }
        }
    }
    return sum;
}

void nn_transpose_conv_s8(const nn_transpose_conv_params_t *params, const int8_t *input,
                          const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                          const int32_t *shift, int8_t *output) {
    const int32_t window = params->height.window * params->width.window * params->depth;
    const int32_t pixels = params->height.output * params->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t row = pixel / params->width.output, column = pixel % params->width.output;
        for (int32_t channel = 0; channel < params->channels; channel++) {
            const int32_t products = gather(params, row, column, input, weights + channel * window);
            const int32_t sum = nn_wrapping_sum(products, bias ? bias[channel] : 0);
            const int32_t scaled = nn_scale(sum, multiplier[channel], shift[channel]);
            const int32_t value = nn_wrapping_sum(scaled, params->output_offset);
            *output++ = (int8_t)nn_clamp(value, params->activation_min, params->activation_max);
        }
    }
}
