/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/requantize.h.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

static int32_t load(nn_type_t type, const void *input, int32_t i) {
    switch (type) {
    case NN_S8:
        return ((const int8_t *)input)[i];
    case NN_S16:
        return ((const int16_t *)input)[i];
    default:
        return ((const int32_t *)input)[i];
    }
}

static void store(nn_type_t type, void *output, int32_t i, int32_t value) {
    switch (type) {
    case NN_S8:
        ((int8_t *)output)[i] = (int8_t)nn_clamp(value, INT8_MIN, INT8_MAX);
        break;
    case NN_S16:
        ((int16_t *)output)[i] = (int16_t)nn_clamp(value, INT16_MIN, INT16_MAX);
        break;
    default:
        ((int32_t *)output)[i] = value;
    }
}

void nn_requantize(const nn_requantize_params_t *params, int32_t size, const void *input,
                   void *output) {
    const nn_result_t *result = &params->output;
    for (int32_t i = 0; i < size; i++) {
        const uint32_t loaded = (uint32_t)load(params->from, input, i);
        const int32_t centred = (int32_t)(loaded - (uint32_t)params->input_zero_point);
        const int32_t scaled = nn_scale(centred, result->multiplier, result->shift);
        store(params->to, output, i, (int32_t)((uint32_t)scaled + (uint32_t)result->offset));
    }
}
