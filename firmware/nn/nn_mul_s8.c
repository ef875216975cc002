/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/mul.h, MulElementwise.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

void nn_mul_s8(const nn_mul_params_t *params, const nn_loops_t *loops, const int8_t *first,
               const int8_t *second, int8_t *output) {
    const nn_mul_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t product = (p.first_offset + *a) * (p.second_offset + *b);
            const int32_t value = nn_scale(product, p.output.multiplier, p.output.shift);
            *output++ =
                (int8_t)nn_clamp(value + p.output.offset, p.activation_min, p.activation_max);
        }
    } while (nn_next(loops, &place));
}
