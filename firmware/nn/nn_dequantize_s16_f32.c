/*
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/reference/dequantize.h,
 * Dequantize. As in nn_dequantize_s8_f32(), the product is exact in TFLM's double.
 */
#include "nn_kernels.h"

void nn_dequantize_s16_f32(float scale, int32_t zero_point, int32_t size, const int16_t *input,
                           float *output) {
    for (int32_t i = 0; i < size; i++) {
        output[i] = scale * (float)(input[i] - zero_point);
    }
}
