/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/mul.h, MulElementwise. For int16, all zero
 * points are 0.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

void nn_mul_s16(const nn_mul_params_t *params, const nn_loops_t *loops, const int16_t *first,
                const int16_t *second, int16_t *output) {
    const nn_mul_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int16_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t value = nn_scale(*a * *b, p.output.multiplier, p.output.shift);
            *output++ = (int16_t)nn_clamp(value, p.activation_min, p.activation_max);
        }
    } while (nn_next(loops, &place));
}
