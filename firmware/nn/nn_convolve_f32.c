/*
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/reference/conv.h, Conv for
 * float, and fully_connected.h.
 */
#include "nn_real.h"
#include "nn_windows.h"

/* Channels that are computed at once: each value of the input is loaded once for all of them. */
#define BLOCK 4

/* The part of the weights and of the input under one window. */
typedef struct {
    const nn_convolve_f32_params_t *params;
    nn_span_t rows;
    nn_span_t columns;
    const float *input;
    int32_t step; /* from the weights of one output channel to the next */
} view_t;

/* Adds the products of `size` values to the sum of one channel, or to those of a block. */
typedef void add_t(int32_t size, int32_t step, const float *values, const float *weights,
                   float *sums);

static void add_one(int32_t size, int32_t step, const float *values, const float *weights,
                    float *sums) {
    (void)step;
    float sum = sums[0];
    for (int32_t i = 0; i < size; i++) {
        sum += values[i] * weights[i];
    }
    sums[0] = sum;
}

static void add_block(int32_t size, int32_t step, const float *values, const float *weights,
                      float *sums) {
    const float *second = weights + step, *third = second + step, *fourth = third + step;
    float sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (int32_t i = 0; i < size; i++) {
        const float value = values[i];
        sum0 += value * weights[i];
        sum1 += value * second[i];
        sum2 += value * third[i];
        sum3 += value * fourth[i];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}

/* Neighbouring pixels are one run of values, unless a dilation or other groups lie between them. */
static void add_window(const view_t *view, add_t *add, int32_t group, const float *weights,
                       float *sums) {
    const nn_convolve_f32_params_t *p = view->params;
    const int32_t pixel = p->groups * p->depth, width = view->columns.end - view->columns.first;
    const int joined = p->groups == 1 && p->width.dilation == 1;
    const int32_t runs = joined ? 1 : width, size = joined ? width * p->depth : p->depth;
    const int32_t column = view->columns.origin + view->columns.first * p->width.dilation;
    for (int32_t y = view->rows.first; y < view->rows.end; y++) {
        const int32_t row = view->rows.origin + y * p->height.dilation;
        const float *value =
            view->input + (row * p->width.input + column) * pixel + group * p->depth;
        const float *weight = weights + (y * p->width.window + view->columns.first) * p->depth;
        for (int32_t run = 0; run < runs; run++) {
            add(size, view->step, value, weight, sums);
            value += p->width.dilation * pixel;
            weight += p->depth;
        }
    }
}

static void convolve_pixel(const view_t *view, const float *weights, const float *bias,
                           float *output) {
    const nn_convolve_f32_params_t *p = view->params;
    const int32_t of_group = p->channels / p->groups;
    int32_t channel = 0;
    for (int32_t group = 0; group < p->groups; group++) {
        const int32_t end = channel + of_group;
        while (channel < end) {
            const int32_t count = end - channel < BLOCK ? 1 : BLOCK;
            float sums[BLOCK] = {0.0F};
            add_window(view, count == 1 ? add_one : add_block, group,
                       weights + channel * view->step, sums);
            for (int32_t i = 0; i < count; i++, channel++) {
                const float sum = sums[i] + (bias ? bias[channel] : 0.0F);
                output[channel] = nn_clamp_f32(sum, p->least, p->greatest);
            }
        }
    }
}

void nn_convolve_f32(const nn_convolve_f32_params_t *params, const float *input,
                     const float *weights, const float *bias, float *output) {
    const nn_window_t *height = &params->height, *width = &params->width;
    view_t view = {
        .params = params, .input = input, .step = height->window * width->window * params->depth};
    for (int32_t image = 0; image < params->images; image++) {
        for (int32_t y = 0; y < height->output; y++) {
            view.rows = nn_span(height, y);
            for (int32_t x = 0; x < width->output; x++) {
                view.columns = nn_span(width, x);
                convolve_pixel(&view, weights, bias, output);
                output += params->channels;
            }
        }
        view.input += height->input * width->input * params->groups * params->depth;
    }
}
