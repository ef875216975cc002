/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/transpose_conv.h, TransposeConv for int16.
 * Like nn_transpose_conv_s8(), this kernel gathers the inputs of each output.
 */
#include "nn_sums.h"
#include "nn_transposed.h"

/* Returns the sum of products of one output; `weights` are those of its channel. */
static int64_t gather(const nn_transpose_conv_s16_params_t *p, int32_t row, int32_t column,
                      const int16_t *input, const int8_t *weights) {
    int64_t sum = 0;
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
                sum += nn_dot_s16(input + pixel * p->depth, weights + place * p->depth, p->depth);
            }
        }
    }
    return sum;
}

static void convolve(const nn_transpose_conv_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *output) {
    const int32_t window = params->height.window * params->width.window * params->depth;
    const int32_t pixels = params->height.output * params->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int32_t row = pixel / params->width.output, column = pixel % params->width.output;
        for (int32_t channel = 0; channel < params->channels; channel++) {
            const int64_t sum = gather(params, row, column, input, weights + channel * window);
            *output++ = nn_output_s16(&params->sums, channel, sum);
        }
    }
}

void nn_transpose_conv_s16(const nn_transpose_conv_s16_params_t *params, const int16_t *input,
                           const int8_t *weights, int16_t *output) {
    const nn_side_t *height = &params->height, *width = &params->width;
    for (int32_t image = 0; image < params->images; image++) {
        convolve(params, input, weights, output);
        input += height->input * width->input * params->depth;
        output += height->output * width->output * params->channels;
    }
}
