/* Where a window meets an image, along one axis. */
#ifndef NN_WINDOWS_H
#define NN_WINDOWS_H

#include "nn_kernels.h"

/* The positions `first` to `end` - 1 of a window lie within the input; position i is the input's
 * element origin + i * dilation. */
typedef struct {
    int32_t origin;
    int32_t first;
    int32_t end;
} nn_span_t;

static inline nn_span_t nn_span(const nn_window_t *window, int32_t output) {
    const int32_t dilation = window->dilation;
    const int32_t origin = output * window->stride - window->before;
    const int32_t left = window->input - origin;
    const int32_t first = origin < 0 ? (dilation - 1 - origin) / dilation : 0;
    const int32_t end = left > 0 ? (left + dilation - 1) / dilation : 0;
    const nn_span_t span = {origin, first, end < window->window ? end : window->window};
    return span;
}

#endif
