/*
 * Source: TFLM, tensorflow/lite/kernels/internal/reference/add.h, sub.h, mul.h, div.h,
 * maximum_minimum.h, floor_div.h and floor_mod.h; squared_difference.cc and prelu_common.cc.
 */
#include "nn_kernels.h"

#include "nn_real.h"

float nn_add_f32(float a, float b) {
    return a + b;
}

float nn_sub_f32(float a, float b) {
    return a - b;
}

float nn_mul_f32(float a, float b) {
    return a * b;
}

float nn_div_f32(float a, float b) {
    return a / b;
}

float nn_squared_difference_f32(float a, float b) {
    return (a - b) * (a - b);
}

float nn_max_f32(float a, float b) {
    return a > b ? a : b;
}

float nn_min_f32(float a, float b) {
    return a < b ? a : b;
}

float nn_prelu_f32(float a, float b) {
    return a >= 0.0F ? a : a * b;
}

/* The greatest whole number up to the exact quotient, then rounded to float. */
float nn_floor_div_f32(float a, float b) {
    return (float)nn_floor_f64((double)a / (double)b);
}

float nn_floor_mod_f32(float a, float b) {
    const float rest = nn_remainder(a, b);
    return rest != 0.0F && (b < 0.0F) != (rest < 0.0F) ? rest + b : rest;
}

int nn_any_zero_f32(int32_t size, const float *values) {
    for (int32_t i = 0; i < size; i++) {
        if (values[i] == 0.0F) {
            return 1;
        }
    }
    return 0;
}

void nn_pairs_f32(nn_pair_f32_t function, float least, float greatest, const nn_loops_t *loops,
                  const float *first, const float *second, float *output) {
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const float *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            *output++ = nn_clamp_f32(function(*a, *b), least, greatest);
        }
    } while (nn_next(loops, &place));
}
