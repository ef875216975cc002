/* Source: TFLM, tensorflow/lite/micro/kernels/maximum_minimum.cc, for int16. */
#include "nn_kernels.h"

void nn_min_s16(const nn_loops_t *loops, const int16_t *first, const int16_t *second,
                int16_t *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int16_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            *output++ = *a < *b ? *a : *b;
        }
    } while (nn_next(loops, &place));
}
