/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/prelu.h, BroadcastPrelu4DSlow.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

void nn_prelu_s16(const nn_prelu_params_t *params, const nn_loops_t *loops, const int16_t *input,
                  const int8_t *alpha, int16_t *output) {
    const nn_prelu_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int16_t *a = input + place.first;
        const int8_t *b = alpha + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t x = p.input_offset + *a;
            const nn_result_t *result = x >= 0 ? &p.positive : &p.negative;
            const int32_t factor = x >= 0 ? 1 : p.alpha_offset + *b;
            const int32_t value = nn_scale(x * factor, result->multiplier, result->shift);
            *output++ = (int16_t)nn_clamp(value + result->offset, INT16_MIN, INT16_MAX);
        }
    } while (nn_next(loops, &place));
}
