/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/add.h, AddElementwise, and sub.h, SubElementwise, with
 * the shift that add_common.cc chooses for int16.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

#define LEFT_SHIFT 15

static int32_t scaled(const nn_term_t *term, int16_t value) {
    const uint32_t centred = (uint32_t)(term->offset + value);
    return nn_scale_down((int32_t)(centred << LEFT_SHIFT), term->multiplier, term->shift);
}

void nn_add_s16(const nn_add_params_t *params, const nn_loops_t *loops, const int16_t *first,
                const int16_t *second, int16_t *output) {
    const nn_add_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int16_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t sum = scaled(&p.first, *a) + p.sign * scaled(&p.second, *b);
            const int32_t value = nn_scale_down(sum, p.output.multiplier, p.output.shift);
            *output++ =
                (int16_t)nn_clamp(value + p.output.offset, p.activation_min, p.activation_max);
        }
    } while (nn_next(loops, &place));
}
