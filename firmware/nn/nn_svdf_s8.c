/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/svdf_common.cc, EvalIntegerSvdfReference.
 */
#include <string.h>

#include "nn_kernels.h"

#include "nn_fixed.h"

static int32_t dot_s8(const int8_t *a, const int8_t *b, int32_t count, int32_t bias) {
    uint32_t sum = (uint32_t)bias;
    for (int32_t i = 0; i < count; i++) {
        sum += (uint32_t)(a[i] * b[i]);
    }
    return (int32_t)sum;
}

static int32_t dot_s16(const int16_t *a, const int16_t *b, int32_t count, int32_t bias) {
    uint32_t sum = (uint32_t)bias;
    for (int32_t i = 0; i < count; i++) {
        sum += (uint32_t)(a[i] * b[i]);
    }
    return (int32_t)sum;
}

/* Moves all values one place to the front. The last value of each filter is overwritten later. */
static void make_older(const nn_svdf_params_t *p, void *state) {
    const int32_t count = p->batches * p->units * p->rank * p->memory - 1;
    const size_t size = p->type == NN_S8 ? sizeof(int8_t) : sizeof(int16_t);
    memmove(state, (int8_t *)state + size, (size_t)count * size);
}

static void keep(const nn_svdf_params_t *p, void *state, int32_t i, int32_t value) {
    if (p->type == NN_S8) {
        /* As in TFLM, a value that leaves the range with its zero point wraps around. */
        ((int8_t *)state)[i] = (int8_t)(nn_clamp(value, INT8_MIN, INT8_MAX) + p->state_offset);
    } else {
        ((int16_t *)state)[i] = (int16_t)(nn_clamp(value, INT16_MIN, INT16_MAX) + p->state_offset);
    }
}

/* The weighted sum of `count` values of the state, from number `first` on. */
static int32_t sum_of_state(const nn_svdf_params_t *p, const void *state, int32_t first,
                            const void *weights, int32_t first_weight, int32_t count,
                            int32_t bias) {
    if (p->type == NN_S8) {
        return dot_s8((const int8_t *)state + first, (const int8_t *)weights + first_weight, count,
                      bias);
    }
    return dot_s16((const int16_t *)state + first, (const int16_t *)weights + first_weight, count,
                   bias);
}

void nn_svdf_s8(const nn_svdf_params_t *params, const int8_t *input, const int8_t *filters,
                const int32_t *filter_bias, const void *over_time, const int32_t *bias, void *state,
                int8_t *output) {
    const nn_svdf_params_t p = *params;
    const int32_t filters_of_all = p.units * p.rank;
    make_older(&p, state);
    int32_t place = p.memory - 1;
    for (int32_t b = 0; b < p.batches; b++, input += p.inputs) {
        for (int32_t f = 0; f < filters_of_all; f++, place += p.memory) {
            const int32_t sum = dot_s8(input, filters + f * p.inputs, p.inputs, filter_bias[f]);
            keep(&p, state, place, nn_scale(sum, p.state.multiplier, p.state.shift));
        }
    }
    /* The filters of a unit follow one another, so one sum goes through all of them. */
    const int32_t size = p.rank * p.memory;
    place = 0;
    for (int32_t b = 0; b < p.batches; b++) {
        for (int32_t u = 0; u < p.units; u++, place += size) {
            const int32_t sum = sum_of_state(&p, state, place, over_time, u * size, size, bias[u]);
            const int32_t value = nn_scale(sum, p.output.multiplier, p.output.shift);
            *output++ = (int8_t)nn_clamp(value + p.output.offset, INT8_MIN, INT8_MAX);
        }
    }
}
