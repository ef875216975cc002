/*
 * Sums of products of int16 and int8, and how they become outputs.
 *
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/common.cc,
 * MultiplyByQuantizedMultiplier for 64 bits.
 */
#ifndef NN_SUMS_H
#define NN_SUMS_H

#include "nn_fixed.h"
#include "nn_kernels.h"

/* The sum of so many products fits into 32 bits. */
#define NN_BLOCK 256

/* x * multiplier / 2^shift, rounded to nearest, halves up; 1 <= shift <= 46. */
static inline int32_t nn_scale_wide(int64_t x, int32_t multiplier, int32_t shift) {
    const uint64_t half = UINT64_C(1) << (shift - 1);
    const int64_t rounded = (int64_t)((uint64_t)x * (uint64_t)multiplier + half);
    return (int32_t)(uint32_t)(uint64_t)(rounded >> shift);
}

static inline int64_t nn_dot_s16(const int16_t *values, const int8_t *weights, int32_t count) {
    int64_t sum = 0;
    while (count > 0) {
        const int32_t block = count < NN_BLOCK ? count : NN_BLOCK;
        int32_t part = 0;
        for (int32_t i = 0; i < block; i++) {
            part += *values++ * *weights++;
        }
        sum += part;
        count -= block;
    }
    return sum;
}

/* The output of `channel` from the sum of its products. */
static inline int16_t nn_output_s16(const nn_sums_t *sums, int32_t channel, int64_t sum) {
    const int32_t at = channel * sums->per_channel;
    int32_t value;
    if (sums->narrow) {
        const uint32_t bias = sums->bias ? (uint32_t)((const int32_t *)sums->bias)[channel] : 0;
        const uint32_t total = (uint32_t)(uint64_t)sum + bias;
        value = nn_scale((int32_t)total, sums->multiplier[at], sums->shift[at]);
    } else {
        const uint64_t bias = sums->bias ? (uint64_t)((const int64_t *)sums->bias)[channel] : 0;
        const int64_t total = (int64_t)((uint64_t)sum + bias);
        value = nn_scale_wide(total, sums->multiplier[at], sums->shift[at]);
    }
    value = (int32_t)((uint32_t)value + (uint32_t)sums->output_offset);
    return (int16_t)nn_clamp(value, sums->activation_min, sums->activation_max);
}

#endif
