/*
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/common.cc,
 * MultiplyByQuantizedMultiplier for 64 bits.
 *
 * The functions are not inlined: a kernel's own variables would take their registers.
 */
#include "nn_sums.h"

#include "nn_fixed.h"

#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#include <string.h>

static inline uint32_t load(const void *from) {
    uint32_t word;
    memcpy(&word, from, sizeof(word));
    return word;
}

/* Adds four products; `even` are the values 0 and 2, `odd` 1 and 3. */
static inline int64_t add_products(int64_t sum, uint32_t even, uint32_t odd,
                                   const int8_t *weights) {
    const uint32_t four = load(weights);
    sum = __smlald((int16x2_t)even, __sxtb16((int8x4_t)four), sum);
    return __smlald((int16x2_t)odd, __sxtb16((int8x4_t)(four >> 8 | four << 24)), sum);
}

void nn_dot_pair_s16(const int16_t *values, const int8_t *first, const int8_t *second,
                     int32_t count, int64_t sums[2]) {
    int64_t one = 0, two = 0;
    for (; count >= 4; count -= 4, values += 4, first += 4, second += 4) {
        const uint32_t low = load(values), high = load(values + 2);
        const uint32_t even = (low & 0xFFFF) | high << 16;
        const uint32_t odd = low >> 16 | (high & 0xFFFF0000);
        one = add_products(one, even, odd, first);
        two = add_products(two, even, odd, second);
    }
    for (int32_t i = 0; i < count; i++) {
        one += values[i] * first[i];
        two += values[i] * second[i];
    }
    sums[0] = one;
    sums[1] = two;
}

#else

/* The sum of this number of products fits into 32 bits. */
#define BLOCK 256

void nn_dot_pair_s16(const int16_t *values, const int8_t *first, const int8_t *second,
                     int32_t count, int64_t sums[2]) {
    sums[0] = sums[1] = 0;
    while (count > 0) {
        const int32_t block = count < BLOCK ? count : BLOCK;
        int32_t one = 0, two = 0;
        for (int32_t i = 0; i < block; i++) {
            const int32_t value = *values++;
            one += value * *first++;
            two += value * *second++;
        }
        sums[0] += one;
        sums[1] += two;
        count -= block;
    }
}

#endif

int64_t nn_dot_s16(const int16_t *values, const int8_t *weights, int32_t count) {
    int64_t sums[2];
    nn_dot_pair_s16(values, weights, weights, count, sums);
    return sums[0];
}

int32_t nn_scale_wide(int64_t x, int32_t multiplier, int32_t shift) {
    const int64_t product = (int64_t)((uint64_t)x * (uint32_t)multiplier);
    /* Adding half and shifting gives the same, but takes a second shift of 64 bits. */
    return (int32_t)(uint32_t)(uint64_t)(((product >> (shift - 1)) + 1) >> 1);
}

int16_t nn_output_s16(const nn_sums_t *sums, int32_t channel, int64_t sum) {
    const int32_t at = channel * sums->per_channel;
    const int32_t multiplier = sums->multiplier[at], shift = sums->shift[at];
    int32_t value;
    if (sums->narrow) {
        const uint32_t bias = sums->bias ? (uint32_t)((const int32_t *)sums->bias)[channel] : 0;
        const uint32_t total = (uint32_t)(uint64_t)sum + bias;
        value = nn_scale((int32_t)total, multiplier, shift);
    } else {
        const uint64_t bias = sums->bias ? (uint64_t)((const int64_t *)sums->bias)[channel] : 0;
        const int64_t total = (int64_t)((uint64_t)sum + bias);
        value = nn_scale_wide(total, multiplier, shift);
    }
    value = (int32_t)((uint32_t)value + (uint32_t)sums->output_offset);
    return (int16_t)nn_clamp(value, sums->activation_min, sums->activation_max);
}
