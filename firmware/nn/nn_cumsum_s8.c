/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/cumsum.h. The sum starts with a scaled input offset,
 * not with 0.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

#define LEFT_SHIFT 20

void nn_cumsum_s8(const nn_sums_params_t *params, const nn_line_t *line, const int8_t *input,
                  int8_t *output) {
    for (int32_t i = 0; i < line->outer * line->inner; i++) {
        int32_t at = (i / line->inner) * line->size * line->inner + i % line->inner;
        int32_t step = line->inner;
        if (line->reverse) {
            at += (line->size - 1) * step;
            step = -step;
        }
        /* In units of half a scale; TFLM's sums wrap around, too. */
        uint32_t sum = (uint32_t)params->offset << (LEFT_SHIFT - 1);
        for (int32_t j = 0; j < line->size; j++, at += step) {
            const uint32_t before = sum;
            sum += (uint32_t)(params->offset + input[at]) << (LEFT_SHIFT - 1);
            const int32_t taken = (int32_t)(line->exclusive ? before : sum);
            const int32_t value =
                nn_scale_down(taken, params->output.multiplier, params->output.shift);
            output[at] = (int8_t)nn_clamp(value + params->output.offset, INT8_MIN, INT8_MAX);
        }
    }
}
