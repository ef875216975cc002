/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/leaky_relu.h, QuantizeLeakyRelu, and
 * micro/kernels/activations.cc, ReluQuantized and Relu6Quantized.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

void nn_rescale_s16(const nn_rescale_params_t *params, int32_t size, const int16_t *input,
                    int16_t *output) {
    for (int32_t i = 0; i < size; i++) {
        const int32_t centred = input[i] + params->input_offset;
        const nn_result_t *factor = centred >= 0 ? &params->positive : &params->negative;
        const int32_t scaled = nn_scale(centred, factor->multiplier, factor->shift);
        const uint32_t value = (uint32_t)(centred >= 0 ? scaled : params->sign * scaled);
        const int32_t moved = (int32_t)(value + (uint32_t)factor->offset);
        output[i] = (int16_t)nn_clamp(moved, params->activation_min, params->activation_max);
    }
}
