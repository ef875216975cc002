/*
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/reference/dequantize.h,
 * Dequantize. TFLM multiplies in double and rounds to float. A product of a float's 24 bits and a
 * value's 9 bits is exact in double, so a product in float gives the same result.
 */
#include "nn_kernels.h"

void nn_dequantize_s8_f32(float scale, int32_t zero_point, int32_t size, const int8_t *input,
                          float *output) {
    for (int32_t i = 0; i < size; i++) {
        output[i] = scale * (float)(input[i] - zero_point);
    }
}

void nn_dequantize_u8_f32(float scale, int32_t zero_point, int32_t size, const uint8_t *input,
                          float *output) {
    for (int32_t i = 0; i < size; i++) {
        output[i] = scale * (float)(input[i] - zero_point);
    }
}
