#ifndef NN_NEAREST_H
#define NN_NEAREST_H

#include <stdint.h>

/* From this value on, every float is a whole number. */
#define NN_ALL_WHOLE 8388608.0F
#define NN_TWO_TO_31 2147483648.0F

/*
 * Rounds to the nearest whole number, halves away from zero, like roundf(), which some toolchains
 * lack. NaN and values that do not fit 32 bits give INT32_MIN, as on the machines that compute the
 * golden outputs.
 */
static inline int32_t nn_nearest(float x) {
    if (!(x >= -NN_TWO_TO_31 && x < NN_TWO_TO_31)) {
        return INT32_MIN;
    }
    const int32_t whole = (int32_t)x;
    if (x >= NN_ALL_WHOLE || x <= -NN_ALL_WHOLE) {
        return whole;
    }
    const float fraction = x - (float)whole;
    return whole + (fraction >= 0.5F ? 1 : 0) - (fraction <= -0.5F ? 1 : 0);
}

#endif
