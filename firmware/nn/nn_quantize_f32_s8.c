/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize: float32 throughout.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

/* From this value on, every float is a whole number. */
#define ALL_WHOLE 8388608.0F
#define TWO_TO_31 2147483648.0F

/*
 * Rounds to the nearest whole number, halves away from zero, like roundf(), which some toolchains
 * lack. NaN and values that do not fit 32 bits give INT32_MIN, as on the machines that compute the
 * golden outputs.
 */
static int32_t nearest(float x) {
    if (!(x >= -TWO_TO_31 && x < TWO_TO_31)) {
        return INT32_MIN;
    }
    const int32_t whole = (int32_t)x;
    if (x >= ALL_WHOLE || x <= -ALL_WHOLE) {
        return whole;
    }
    const float fraction = x - (float)whole;
    return whole + (fraction >= 0.5F ? 1 : 0) - (fraction <= -0.5F ? 1 : 0);
}

void nn_quantize_f32_s8(float scale, int32_t zero_point, int32_t size, const float *input,
                        int8_t *output) {
    for (int32_t i = 0; i < size; i++) {
        const int32_t value = (int32_t)((uint32_t)nearest(input[i] / scale) + (uint32_t)zero_point);
        output[i] = (int8_t)nn_clamp(value, INT8_MIN, INT8_MAX);
    }
}
