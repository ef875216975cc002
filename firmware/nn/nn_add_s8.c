/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/add.h, AddElementwise, and sub.h, SubElementwise.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

/* Headroom: offset plus value needs 9 bits, the sum of two terms one more. */
#define LEFT_SHIFT 20

static int32_t scaled(const nn_term_t *term, int8_t value) {
    const int32_t shifted = (term->offset + value) * (1 << LEFT_SHIFT);
    return nn_scale_down(shifted, term->multiplier, term->shift);
}

void nn_add_s8(const nn_add_params_t *params, const nn_loops_t *loops, const int8_t *first,
               const int8_t *second, int8_t *output) {
    /* A copy, because the compiler has to assume that a write to an int8_t changes *params. */
    const nn_add_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t sum = scaled(&p.first, *a) + p.sign * scaled(&p.second, *b);
            const int32_t value = nn_scale_down(sum, p.output.multiplier, p.output.shift);
            *output++ =
                (int8_t)nn_clamp(value + p.output.offset, p.activation_min, p.activation_max);
        }
    } while (nn_next(loops, &place));
}
