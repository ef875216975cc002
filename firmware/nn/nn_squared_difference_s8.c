/* Source of the arithmetic: TFLM, tensorflow/lite/micro/kernels/squared_difference.cc. */
#include "nn_kernels.h"

#include "nn_fixed.h"

/* Headroom: a difference has 9 + 7 bits, its square 32. */
#define LEFT_SHIFT 7

static int32_t scaled(const nn_term_t *term, int8_t value) {
    const int32_t shifted = (term->offset + value) * (1 << LEFT_SHIFT);
    return nn_scale_down(shifted, term->multiplier, term->shift);
}

void nn_squared_difference_s8(const nn_squared_difference_params_t *params, const nn_loops_t *loops,
                              const int8_t *first, const int8_t *second, int8_t *output) {
    const nn_squared_difference_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t difference = scaled(&p.first, *a) - scaled(&p.second, *b);
            const int32_t value =
                nn_scale(difference * difference, p.output.multiplier, p.output.shift);
            *output++ = (int8_t)nn_clamp(value + p.output.offset, INT8_MIN, INT8_MAX);
        }
    } while (nn_next(loops, &place));
}
