/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/add_n.h. The sum starts with a scaled input offset,
 * not with 0.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

#define LEFT_SHIFT 20

void nn_add_n_s8(const nn_sums_params_t *params, int32_t count, const int8_t *const *inputs,
                 int32_t size, int8_t *output) {
    for (int32_t i = 0; i < size; i++) {
        /* In units of half a scale. */
        uint32_t sum = (uint32_t)params->offset << (LEFT_SHIFT - 1);
        for (int32_t j = 0; j < count; j++) {
            sum += (uint32_t)(params->offset + inputs[j][i]) << (LEFT_SHIFT - 1);
        }
        const int32_t value =
            nn_scale_down((int32_t)sum, params->output.multiplier, params->output.shift);
        output[i] = (int8_t)nn_clamp(value + params->output.offset, INT8_MIN, INT8_MAX);
    }
}
