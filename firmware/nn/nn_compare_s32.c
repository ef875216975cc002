/* Source: TFLM, tensorflow/lite/kernels/internal/reference/comparisons.h, ComparisonImpl. */
#include "nn_kernels.h"

void nn_compare_s32(int32_t relation, const nn_loops_t *loops, const int32_t *first,
                    const int32_t *second, int8_t *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int32_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            *output++ = (int8_t)(relation >> nn_order(*a, *b) & 1);
        }
    } while (nn_next(loops, &place));
}
