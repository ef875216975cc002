/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/logistic.h and tanh.h, for int16. Both
 * interpolate in one table, because tanh(x) = 2 / (1 + exp(-2x)) - 1.
 */
#include "nn_kernels.h"

/* Beyond the table's last step, the functions are constant. */
#define LAST_STEP 255

static int32_t scaled(const nn_sigmoid_params_t *params, int16_t value) {
    const uint32_t half = params->shift > 0 ? UINT32_C(1) << (params->shift - 1) : 0;
    const uint32_t product = (uint32_t)value * (uint32_t)params->multiplier;
    return (int32_t)(product + half) >> params->shift;
}

static uint32_t magnitude(int32_t x) {
    return x < 0 ? 0 - (uint32_t)x : (uint32_t)x;
}

/* The table at x, whose lowest `bits` bits are the fraction of a step, times 2^bits. */
static uint32_t interpolated(const uint16_t *table, uint32_t x, uint32_t bits) {
    const uint32_t step = x >> bits, fraction = x & ((UINT32_C(1) << bits) - 1);
    return ((uint32_t)table[step] << bits) + fraction * (uint32_t)(table[step + 1] - table[step]);
}

void nn_logistic_s16(const nn_sigmoid_params_t *params, const uint16_t *table, int32_t size,
                     const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < size; i++) {
        const int32_t x = scaled(params, input[i]);
        const uint32_t distance = magnitude(x);
        const uint32_t positive =
            distance >> 9 >= LAST_STEP ? 0x7FFF << 10 : interpolated(table, distance, 9);
        const uint32_t half = 1 << 9;
        const uint32_t result = x >= 0 ? positive + half : (1 << 25) - positive + half - 1;
        output[i] = (int16_t)(result >> 10);
    }
}

void nn_tanh_s16(const nn_sigmoid_params_t *params, const uint16_t *table, int32_t size,
                 const int16_t *input, int16_t *output) {
    for (int32_t i = 0; i < size; i++) {
        const int32_t x = scaled(params, input[i]);
        const uint32_t distance = magnitude(x);
        const int32_t positive =
            (int32_t)(distance >> 8 >= LAST_STEP ? 0xFFFF << 8 : interpolated(table, distance, 8));
        const int32_t centred = positive - (1 << 23), half = 1 << 7;
        const int32_t result = x >= 0 ? centred + half : half - 1 - centred;
        output[i] = (int16_t)(result >> 8);
    }
}
