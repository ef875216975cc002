/* Sums of products of int16 and int8, and how they become outputs. */
#ifndef NN_SUMS_H
#define NN_SUMS_H

#include "nn_kernels.h"

/* The sum of `count` products. */
int64_t nn_dot_s16(const int16_t *values, const int8_t *weights, int32_t count);

/* Two such sums, with the weights of two channels. */
void nn_dot_pair_s16(const int16_t *values, const int8_t *first, const int8_t *second,
                     int32_t count, int64_t sums[2]);

/* x * multiplier / 2^shift, rounded to nearest, halves up; 1 <= shift <= 46. */
int32_t nn_scale_wide(int64_t x, int32_t multiplier, int32_t shift);

/* The output of `channel` from the sum of its products. */
int16_t nn_output_s16(const nn_sums_t *sums, int32_t channel, int64_t sum);

#endif
