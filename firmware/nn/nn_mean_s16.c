/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum for int16. Like TFLM's,
 * the sums of more than 65,536 values may wrap around.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

static uint32_t sum(const nn_loops_t *loops, const int16_t *input) {
    uint32_t total = 0;
    nn_place_t place = {0};
    do {
        const int16_t *value = input + place.first;
        for (int32_t i = 0; i < loops->size[0]; i++, value += loops->first[0]) {
            total += (uint32_t)*value;
        }
    } while (nn_next(loops, &place));
    return total;
}

void nn_mean_s16(const nn_mean_params_t *params, const nn_loops_t *kept, const nn_loops_t *summed,
                 const int16_t *input, int16_t *output) {
    nn_place_t place = {0};
    do {
        const int16_t *start = input + place.first;
        for (int32_t i = 0; i < kept->size[0]; i++, start += kept->first[0]) {
            const int32_t centred = (int32_t)(sum(summed, start) - (uint32_t)params->input_sum);
            const int32_t value =
                nn_scale(centred, params->output.multiplier, params->output.shift);
            *output++ = (int16_t)nn_clamp(value + params->output.offset, INT16_MIN, INT16_MAX);
        }
    } while (nn_next(kept, &place));
}
