/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/conv.h, ConvPerChannel for int16, and
 * fully_connected.h.
 */
#include "nn_sums.h"
#include "nn_windows.h"

#include <string.h>

/* Copies the pixels of a window row from `columns->first` on, and zeros for the padding. */
static int16_t *gather_row(const nn_convolve_s16_params_t *p, const nn_span_t *columns,
                           const int16_t *line, int16_t *to) {
    const int32_t pixel = p->depth * p->groups, dilation = p->width.dilation;
    const int16_t *from = line + (columns->origin + columns->first * dilation) * pixel;
    for (int32_t x = 0; x < p->width.window; x++, to += p->depth) {
        if (x < columns->first || x >= columns->end) {
            memset(to, 0, (size_t)p->depth * sizeof(*to));
        } else {
            memcpy(to, from, (size_t)p->depth * sizeof(*to));
            from += dilation * pixel;
        }
    }
    return to;
}

/* Returns the values under a window in the order of the weights: in `column`, or where they are if
 * they lie together. */
static const int16_t *gather(const nn_convolve_s16_params_t *p, const nn_span_t *rows,
                             const nn_span_t *columns, const int16_t *input, int16_t *column) {
    const int32_t pixel = p->depth * p->groups, line = p->width.input * pixel;
    const int whole = columns->first == 0 && columns->end == p->width.window && rows->first == 0 &&
                      p->height.window == 1;
    if (whole && p->groups == 1 && (p->width.dilation == 1 || p->width.window == 1)) {
        return input + rows->origin * line + columns->origin * pixel;
    }
    int16_t *to = column;
    for (int32_t y = 0; y < p->height.window; y++) {
        if (y < rows->first || y >= rows->end) {
            const int32_t size = p->width.window * p->depth;
            memset(to, 0, (size_t)size * sizeof(*to));
            to += size;
        } else {
            const int32_t row = rows->origin + y * p->height.dilation;
            to = gather_row(p, columns, input + row * line, to);
        }
    }
    return column;
}

/* Computes the outputs of one window: two channels at once, because that halves the loads. */
static void outputs(const nn_sums_t *sums, int32_t channel, int32_t end, const int16_t *values,
                    const int8_t *weights, int32_t size, int16_t *output) {
    for (; channel + 1 < end; channel += 2) {
        const int8_t *first = weights + channel * size;
        int64_t pair[2];
        nn_dot_pair_s16(values, first, first + size, size, pair);
        *output++ = nn_output_s16(sums, channel, pair[0]);
        *output++ = nn_output_s16(sums, channel + 1, pair[1]);
    }
    if (channel < end) {
        const int64_t sum = nn_dot_s16(values, weights + channel * size, size);
        *output = nn_output_s16(sums, channel, sum);
    }
}

static void convolve(const nn_convolve_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *column, int16_t *output) {
    const int32_t size = params->height.window * params->width.window * params->depth;
    const int32_t group = params->channels / params->groups; /* output channels of each group */
    const int32_t pixels = params->height.output * params->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const nn_span_t rows = nn_span(&params->height, pixel / params->width.output);
        const nn_span_t columns = nn_span(&params->width, pixel % params->width.output);
        for (int32_t channel = 0; channel < params->channels; channel += group) {
            const int16_t *part = input + channel / group * params->depth;
            const int16_t *values = gather(params, &rows, &columns, part, column);
            outputs(&params->sums, channel, channel + group, values, weights, size, output);
            output += group;
        }
    }
}

void nn_convolve_s16(const nn_convolve_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *column, int16_t *output) {
    const nn_window_t *height = &params->height, *width = &params->width;
    for (int32_t image = 0; image < params->images; image++) {
        convolve(params, input, weights, column, output);
        input += height->input * width->input * params->depth * params->groups;
        output += height->output * width->output * params->channels;
    }
}
