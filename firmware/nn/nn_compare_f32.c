/* Source: TFLM, tensorflow/lite/kernels/internal/reference/comparisons.h, ComparisonImpl. */
#include "nn_kernels.h"

/* As nn_order(), and 3 if one is not a number. */
static int32_t order(float a, float b) {
    if (a != a || b != b) {
        return 3;
    }
    return 1 + (a > b) - (a < b);
}

void nn_compare_f32(int32_t relation, const nn_loops_t *loops, const float *first,
                    const float *second, int8_t *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const float *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            *output++ = (int8_t)(relation >> order(*a, *b) & 1);
        }
    } while (nn_next(loops, &place));
}
