/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/reduce.h, QuantizedMeanOrSum. The multiplier includes
 * the division by the number of values.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

static int32_t sum(const nn_loops_t *loops, const int8_t *input) {
    int32_t total = 0;
    nn_place_t place = {0};
    do {
        const int8_t *value = input + place.first;
        for (int32_t i = 0; i < loops->size[0]; i++, value += loops->first[0]) {
            total += *value;
        }
    } while (nn_next(loops, &place));
    return total;
}

void nn_mean_s8(const nn_mean_params_t *params, const nn_loops_t *kept, const nn_loops_t *summed,
                const int8_t *input, int8_t *output) {
    nn_place_t place = {0};
    do {
        const int8_t *start = input + place.first;
        for (int32_t i = 0; i < kept->size[0]; i++, start += kept->first[0]) {
            const int32_t centred = sum(summed, start) - params->input_sum;
            const int32_t value =
                nn_scale(centred, params->output.multiplier, params->output.shift);
            *output++ = (int8_t)nn_clamp(value + params->output.offset, INT8_MIN, INT8_MAX);
        }
    } while (nn_next(kept, &place));
}
