/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/depthwise_conv.h, DepthwiseConvPerChannel
 * for int16.
 */
#include "nn_sums.h"
#include "nn_windows.h"

static int64_t window_sum(const nn_depthwise_s16_params_t *p, const nn_span_t *rows,
                          const nn_span_t *columns, const int16_t *input, const int8_t *weights) {
    const int32_t channels = p->depth * p->multiplier, step = p->width.dilation * p->depth;
    int64_t sum = 0;
    for (int32_t y = rows->first; y < rows->end; y++) {
        const int32_t row = rows->origin + y * p->height.dilation;
        const int32_t column = columns->origin + columns->first * p->width.dilation;
        const int16_t *value = input + (row * p->width.input + column) * p->depth;
        const int8_t *weight = weights + (y * p->width.window + columns->first) * channels;
        for (int32_t x = columns->first; x < columns->end; x++) {
            sum += *value * *weight;
            value += step;
            weight += channels;
        }
    }
    return sum;
}

static void convolve(const nn_depthwise_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *output) {
    const int32_t pixels = params->height.output * params->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const nn_span_t rows = nn_span(&params->height, pixel / params->width.output);
        const nn_span_t columns = nn_span(&params->width, pixel % params->width.output);
        int32_t channel = 0;
        for (int32_t from = 0; from < params->depth; from++) {
            for (int32_t i = 0; i < params->multiplier; i++, channel++) {
                const int64_t sum =
                    window_sum(params, &rows, &columns, input + from, weights + channel);
                *output++ = nn_output_s16(&params->sums, channel, sum);
            }
        }
    }
}

void nn_depthwise_s16(const nn_depthwise_s16_params_t *params, const int16_t *input,
                      const int8_t *weights, int16_t *output) {
    const nn_window_t *height = &params->height, *width = &params->width;
    for (int32_t image = 0; image < params->images; image++) {
        convolve(params, input, weights, output);
        input += height->input * width->input * params->depth;
        output += height->output * width->output * params->depth * params->multiplier;
    }
}
