/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/softmax.h, SoftmaxInt16, and internal/common.h,
 * LUTLookup.
 */
#include "nn_kernels.h"

#include "nn_fixed_functions.h"

/* The value of a table of 513 steps at x. */
static int32_t lookup(const int16_t *table, int32_t x) {
    const int32_t step = 256 + (x >> 7), fraction = x & 127;
    return table[step] + (((table[step + 1] - table[step]) * fraction + 64) >> 7);
}

/* Writes exp(input - greatest input) in Q0.15, and returns the sum. */
static uint32_t exponentials(const nn_softmax_s16_params_t *params, int32_t depth,
                             const int16_t *input, int16_t *output) {
    int32_t max = INT16_MIN;
    for (int32_t i = 0; i < depth; i++) {
        max = input[i] > max ? input[i] : max;
    }
    uint32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t scaled = nn_scale(input[i] - max, params->multiplier, params->shift);
        const int32_t centred = (int32_t)((uint32_t)scaled + INT16_MAX);
        const int32_t exponential =
            lookup(params->exponential, nn_clamp(centred, INT16_MIN, INT16_MAX));
        output[i] = (int16_t)exponential;
        sum += (uint32_t)exponential;
    }
    return sum;
}

static void softmax_row(const nn_softmax_s16_params_t *params, int32_t depth, const int16_t *input,
                        int16_t *output) {
    const uint32_t sum = exponentials(params, depth, input, output);
    const int32_t zeros = nn_leading_zeros(sum);
    /* The sum's leading one is 1 of 1 + x; the table is for x, from INT16_MIN on. */
    const int32_t shifted = (int32_t)((((uint64_t)sum << (zeros - 1)) + (1 << 13)) >> 14);
    const int32_t centred = shifted - (1 << 15) - (1 << 16);
    const int32_t factor = lookup(params->reciprocal, nn_clamp(centred, INT16_MIN, INT16_MAX));
    const int32_t shift = 31 - zeros;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t result = (output[i] * factor + (1 << (shift - 1))) >> shift;
        output[i] = (int16_t)nn_clamp(result, 0, INT16_MAX);
    }
}

void nn_softmax_s16(const nn_softmax_s16_params_t *params, int32_t rows, int32_t depth,
                    const int16_t *input, int16_t *output) {
    for (int32_t row = 0; row < rows; row++) {
        softmax_row(params, depth, input + row * depth, output + row * depth);
    }
}
