/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, ConvPerChannel for int16, and
 * fully_connected.h.
 */
#include "nn_sums.h"
#include "nn_windows.h"

/* The sum over one row of the window; `input` is that row of the image. */
static int64_t row_sum(const nn_convolve_s16_params_t *p, const nn_span_t *columns,
                       const int16_t *input, const int8_t *weights) {
    const int32_t depth = p->depth, pixel = depth * p->groups;
    input += (columns->origin + columns->first * p->width.dilation) * pixel;
    weights += columns->first * depth;
    if (p->groups == 1 && p->width.dilation == 1) {
        return nn_dot_s16(input, weights, (columns->end - columns->first) * depth);
    }
    int64_t sum = 0;
    for (int32_t x = columns->first; x < columns->end; x++) {
        sum += nn_dot_s16(input, weights, depth);
        input += p->width.dilation * pixel;
        weights += depth;
    }
    return sum;
}

static void convolve(const nn_convolve_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *output) {
    const int32_t line = params->width.input * params->depth * params->groups;
    const int32_t window_line = params->width.window * params->depth;
    const int32_t group = params->channels / params->groups; /* output channels of each group */
    const int32_t pixels = params->height.output * params->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const nn_span_t rows = nn_span(&params->height, pixel / params->width.output);
        const nn_span_t columns = nn_span(&params->width, pixel % params->width.output);
        for (int32_t channel = 0; channel < params->channels; channel++) {
            const int16_t *image = input + channel / group * params->depth;
            const int8_t *window = weights + channel * params->height.window * window_line;
            int64_t sum = 0;
            for (int32_t y = rows.first; y < rows.end; y++) {
                const int32_t row = rows.origin + y * params->height.dilation;
                sum += row_sum(params, &columns, image + row * line, window + y * window_line);
            }
            *output++ = nn_output_s16(&params->sums, channel, sum);
        }
    }
}

void nn_convolve_s16(const nn_convolve_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *output) {
    const nn_window_t *height = &params->height, *width = &params->width;
    for (int32_t image = 0; image < params->images; image++) {
        convolve(params, input, weights, output);
        input += height->input * width->input * params->depth * params->groups;
        output += height->output * width->output * params->channels;
    }
}
