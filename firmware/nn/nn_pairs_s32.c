/*
 * Source: TFLM, tensorflow/lite/kernels/internal/reference/add.h, sub.h, mul.h, div.h and
 * maximum_minimum.h; squared_difference.cc. Sums and products wrap around.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

int32_t nn_add_s32(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

int32_t nn_sub_s32(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

int32_t nn_mul_s32(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

int32_t nn_div_s32(int32_t a, int32_t b) {
    return b == -1 ? nn_sub_s32(0, a) : a / b;
}

int32_t nn_squared_difference_s32(int32_t a, int32_t b) {
    return nn_mul_s32(nn_sub_s32(a, b), nn_sub_s32(a, b));
}

int32_t nn_max_s32(int32_t a, int32_t b) {
    return a > b ? a : b;
}

int32_t nn_min_s32(int32_t a, int32_t b) {
    return a < b ? a : b;
}

int nn_any_zero_s32(int32_t size, const int32_t *values) {
    for (int32_t i = 0; i < size; i++) {
        if (values[i] == 0) {
            return 1;
        }
    }
    return 0;
}

void nn_pairs_s32(nn_pair_s32_t function, int32_t least, int32_t greatest, const nn_loops_t *loops,
                  const int32_t *first, const int32_t *second, int32_t *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int32_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            *output++ = nn_clamp(function(*a, *b), least, greatest);
        }
    } while (nn_next(loops, &place));
}
