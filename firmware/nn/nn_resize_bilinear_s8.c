/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinearInteger.
 */
#include "nn_kernels.h"

#define ONE 1024 /* a pixel */

/* The two rows or columns that a pixel lies between, and its distance from the first. */
typedef struct {
    int32_t low;
    int32_t high;
    int32_t distance;
} between_t;

static between_t between(const nn_resize_side_t *side, int32_t half_pixel, int32_t at) {
    int32_t position = at * side->step;
    if (half_pixel) {
        position += side->step / 2 - ONE / 2;
    }
    between_t result = {position / ONE, (position + ONE - 1) / ONE, 0};
    if (result.low < 0) {
        result.low = 0;
    }
    if (result.high > side->input - 1) {
        result.high = side->input - 1;
    }
    result.distance = position - ONE * result.low;
    return result;
}

void nn_resize_bilinear_s8(const nn_resize_bilinear_params_t *params, const int8_t *input,
                           int8_t *output) {
    const int32_t depth = params->depth;
    for (int32_t i = 0; i < params->height.output; i++) {
        const between_t y = between(&params->height, params->half_pixel_centers, i);
        const int8_t *above = input + y.low * params->width.input * depth;
        const int8_t *below = input + y.high * params->width.input * depth;
        for (int32_t j = 0; j < params->width.output; j++) {
            const between_t x = between(&params->width, params->half_pixel_centers, j);
            const int32_t left = x.low * depth, right = x.high * depth;
            for (int32_t c = 0; c < depth; c++) {
                const int32_t top =
                    above[left + c] * (ONE - x.distance) + above[right + c] * x.distance;
                const int32_t bottom =
                    below[left + c] * (ONE - x.distance) + below[right + c] * x.distance;
                const int32_t sum = top * (ONE - y.distance) + bottom * y.distance;
                const int32_t half = sum > 0 ? ONE * ONE / 2 : -ONE * ONE / 2;
                *output++ = (int8_t)((sum + half) / (ONE * ONE));
            }
        }
    }
}
