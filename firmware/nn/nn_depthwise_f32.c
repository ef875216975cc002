/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/depthwiseconv_float.h, DepthwiseConv.
 */
#include "nn_real.h"
#include "nn_windows.h"

/* Channels that are computed at once, if each reads an input channel of its own. */
#define BLOCK 4

/* The part of one window that lies on the image. */
typedef struct {
    nn_span_t rows;
    nn_span_t columns;
} view_t;

/* Adds the products at `count` neighbouring pixels of one channel, or of a block. */
typedef void add_t(int32_t count, int32_t step, int32_t channels, const float *values,
                   const float *weights, float *sums);

static void add_one(int32_t count, int32_t step, int32_t channels, const float *values,
                    const float *weights, float *sums) {
    float sum = sums[0];
    for (int32_t i = 0; i < count; i++) {
        sum += *values * *weights;
        values += step;
        weights += channels;
    }
    sums[0] = sum;
}

static void add_block(int32_t count, int32_t step, int32_t channels, const float *values,
                      const float *weights, float *sums) {
    float sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t i = 0; i < count; i++) {
        sum0 += values[0] * weights[0];
        sum1 += values[1] * weights[1];
        sum2 += values[2] * weights[2];
        sum3 += values[3] * weights[3];
        values += step;
        weights += channels;
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

static void add_window(const nn_depthwise_f32_params_t *p, const view_t *view, add_t *add,
                       const float *input, const float *weights, float *sums) {
    const int32_t channels = p->depth * p->multiplier, dilation = p->width.dilation;
    const int32_t first = view->columns.first, count = view->columns.end - first;
    const int32_t column = view->columns.origin + first * dilation;
    for (int32_t y = view->rows.first; y < view->rows.end; y++) {
        const int32_t row = view->rows.origin + y * p->height.dilation;
        const float *values = input + (row * p->width.input + column) * p->depth;
        const float *weight = weights + (y * p->width.window + first) * channels;
        add(count, dilation * p->depth, channels, values, weight, sums);
    }
}

static void convolve_pixel(const nn_depthwise_f32_params_t *p, const view_t *view,
                           const float *input, const float *weights, const float *bias,
                           float *output) {
    const int32_t channels = p->depth * p->multiplier;
    const int32_t end_of_blocks = p->multiplier == 1 ? channels - channels % BLOCK : 0;
    int32_t channel = 0;
    while (channel < channels) {
        const int32_t count = channel < end_of_blocks ? BLOCK : 1;
        float sums[BLOCK] = {0.0F};
        add_window(p, view, count == 1 ? add_one : add_block, input + channel / p->multiplier,
                   weights + channel, sums);
        for (int32_t i = 0; i < count; i++, channel++) {
            const float sum = sums[i] + (bias ? bias[channel] : 0.0F);
            output[channel] = nn_clamp_f32(sum, p->least, p->greatest);
        }
    }
}

void nn_depthwise_f32(const nn_depthwise_f32_params_t *params, const float *input,
                      const float *weights, const float *bias, float *output) {
    const nn_window_t *height = &params->height, *width = &params->width;
    for (int32_t image = 0; image < params->images; image++) {
        for (int32_t y = 0; y < height->output; y++) {
            view_t view = {.rows = nn_span(height, y)};
            for (int32_t x = 0; x < width->output; x++) {
                view.columns = nn_span(width, x);
                convolve_pixel(params, &view, input, weights, bias, output);
                output += params->depth * params->multiplier;
            }
        }
        input += height->input * width->input * params->depth;
    }
}
