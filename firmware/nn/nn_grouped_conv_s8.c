/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, ConvPerChannel.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

/* Adds the products of one window; `input` begins with the group's channels, `weights` with the
 * output channel's. */
static int32_t gather(const nn_grouped_conv_params_t *p, int32_t row, int32_t column,
                      const int8_t *input, const int8_t *weights) {
    const int32_t depth = p->depth / p->groups;
    int32_t sum = 0;
    for (int32_t y = 0; y < p->height.window; y++, row += p->height.dilation) {
        int32_t at = column;
        for (int32_t x = 0; x < p->width.window; x++, at += p->width.dilation, weights += depth) {
            if (row < 0 || row >= p->height.input || at < 0 || at >= p->width.input) {
                continue;
            }
            const int8_t *values = input + (row * p->width.input + at) * p->depth;
            for (int32_t i = 0; i < depth; i++) {
                sum += (values[i] + p->input_offset) * weights[i];
            }
        }
    }
    return sum;
}

void nn_grouped_conv_s8(const nn_grouped_conv_params_t *params, const int8_t *input,
                        const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                        const int32_t *shift, int8_t *output) {
    const nn_grouped_conv_params_t *p = params;
    const int32_t depth = p->depth / p->groups, filters = p->channels / p->groups;
    const int32_t window = p->height.window * p->width.window * depth;
    const int32_t pixels = p->height.output * p->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t row = pixel / p->width.output * p->height.stride - p->height.before;
        const int32_t column = pixel % p->width.output * p->width.stride - p->width.before;
        for (int32_t channel = 0; channel < p->channels; channel++) {
            const int32_t products = gather(p, row, column, input + channel / filters * depth,
                                            weights + channel * window);
            const int32_t sum = nn_wrapping_sum(products, bias ? bias[channel] : 0);
            const int32_t scaled = nn_scale(sum, multiplier[channel], shift[channel]);
            const int32_t value = nn_wrapping_sum(scaled, p->output_offset);
            *output++ = (int8_t)nn_clamp(value, p->activation_min, p->activation_max);
        }
    }
}
