/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/comparisons.h, ComparisonWithScaling.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

#define LEFT_SHIFT 8

static int32_t scaled(const nn_term_t *term, int8_t value) {
    const int32_t shifted = (term->offset + value) * (1 << LEFT_SHIFT);
    return nn_scale_down(shifted, term->multiplier, term->shift);
}

void nn_compare_s8(int32_t relation, const nn_term_t *first_term, const nn_term_t *second_term,
                   const nn_loops_t *loops, const int8_t *first, const int8_t *second,
                   int8_t *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t x = scaled(first_term, *a), y = scaled(second_term, *b);
            *output++ = (int8_t)(relation >> nn_order(x, y) & 1);
        }
    } while (nn_next(loops, &place));
}
