/*
 * Source of the rule: TFLM, tensorflow/lite/micro/kernels/dynamic_update_slice.cc,
 * CalculateClampedStartIndices.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

int32_t nn_slice_offset(const nn_starts_t *params, const int32_t *starts) {
    int32_t offset = 0;
    for (int32_t i = 0; i < params->rank; i++) {
        offset += nn_clamp(starts[i], 0, params->last[i]) * params->step[i];
    }
    return offset;
}
