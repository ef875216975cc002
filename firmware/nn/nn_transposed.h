/* Where the values of a transposed convolution come from, along one axis. */
#ifndef NN_TRANSPOSED_H
#define NN_TRANSPOSED_H

#include "nn_kernels.h"

/* Returns the row or column of the input that contributes to `output` at position `at` of the
 * window, or -1 if there is none. */
static inline int32_t nn_origin(int32_t output, int32_t at, const nn_side_t *side) {
    const int32_t distance = output + side->before - at;
    if (distance < 0 || distance % side->stride != 0) {
        return -1;
    }
    const int32_t place = distance / side->stride;
    return place < side->input ? place : -1;
}

#endif
