/* Source: TFLM, tensorflow/lite/micro/kernels/reduce_common.cc, EvalMinMaxHelper. */
#include "nn_kernels.h"

static int8_t best(int32_t sign, const nn_loops_t *loops, const int8_t *input) {
    int8_t found = *input;
    nn_place_t place = {0};
    do {
        const int8_t *value = input + place.first;
        for (int32_t i = 0; i < loops->size[0]; i++, value += loops->first[0]) {
            found = sign * *value > sign * found ? *value : found;
        }
    } while (nn_next(loops, &place));
    return found;
}

void nn_reduce_max_s8(int32_t sign, const nn_loops_t *kept, const nn_loops_t *reduced,
                      const int8_t *input, int8_t *output) {
    nn_place_t place = {0};
    do {
        const int8_t *start = input + place.first;
        for (int32_t i = 0; i < kept->size[0]; i++, start += kept->first[0]) {
            *output++ = best(sign, reduced, start);
        }
    } while (nn_next(kept, &place));
}
