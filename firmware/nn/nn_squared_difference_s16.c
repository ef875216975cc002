/* Source of the arithmetic: TFLM, tensorflow/lite/micro/kernels/squared_difference.cc, for int16.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

static int32_t scaled(const nn_term_t *term, int16_t value) {
    return nn_scale_down(value, term->multiplier, term->shift);
}

void nn_squared_difference_s16(const nn_squared_difference_params_t *params,
                               const nn_loops_t *loops, const int16_t *first, const int16_t *second,
                               int16_t *output) {
    const nn_squared_difference_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int16_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t difference = scaled(&p.first, *a) - scaled(&p.second, *b);
            const int32_t value =
                nn_scale(difference * difference, p.output.multiplier, p.output.shift);
            *output++ = (int16_t)nn_clamp(value, INT16_MIN, INT16_MAX);
        }
    } while (nn_next(loops, &place));
}
