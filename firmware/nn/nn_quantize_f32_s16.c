/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/quantize.h, AffineQuantize: float32 throughout.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"
#include "nn_nearest.h"

void nn_quantize_f32_s16(float scale, int32_t zero_point, int32_t size, const float *input,
                         int16_t *output) {
    for (int32_t i = 0; i < size; i++) {
        const uint32_t nearest = (uint32_t)nn_nearest(input[i] / scale);
        const int32_t value = (int32_t)(nearest + (uint32_t)zero_point);
        output[i] = (int16_t)nn_clamp(value, INT16_MIN, INT16_MAX);
    }
}
