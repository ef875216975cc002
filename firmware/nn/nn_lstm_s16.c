/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/lstm_eval.h, LstmStep, with 64-bit sums.
 */
#include <string.h>

#include "nn_kernels.h"

#include "nn_lstm_cell.h"
#include "nn_sums.h"

/* Adds the weighted sums of `values`, scaled, to the four gates. */
static void add_sums(const int16_t *values, int32_t count, const int8_t *weights,
                     const int64_t *bias, const nn_factor_t *factors, int16_t *gates) {
    for (int first = 0; first < NN_GATES; first += 2, weights += 2 * count) {
        int64_t sums[2];
        nn_dot_pair_s16(values, weights, weights + count, count, sums);
        for (int i = first; i < first + 2; i++) {
            const int64_t sum = (int64_t)((uint64_t)sums[i - first] + (uint64_t)bias[i]);
            const int32_t value = nn_scale_wide(sum, factors[i].multiplier, factors[i].shift);
            gates[i] = (int16_t)nn_saturated_s16(gates[i] + nn_saturated_s16(value));
        }
    }
}

static void step(const nn_lstm_params_t *p, const nn_lstm_weights_s16_t *weights,
                 const int16_t *input, const int16_t *hidden, int16_t *cell, int16_t *output) {
    for (int32_t i = 0; i < p->units; i++) {
        int16_t gates[NN_GATES] = {0};
        add_sums(input, p->inputs, weights->of_input + i * p->inputs * NN_GATES,
                 weights->input_bias + i * NN_GATES, p->of_input, gates);
        add_sums(hidden, p->units, weights->of_hidden + i * p->units * NN_GATES,
                 weights->hidden_bias + i * NN_GATES, p->of_hidden, gates);
        output[i] = (int16_t)nn_saturated_s16(nn_lstm_output(p, weights->table, gates, &cell[i]));
    }
}

void nn_lstm_s16(const nn_lstm_params_t *params, const nn_lstm_weights_s16_t *weights,
                 const int16_t *input, int16_t *hidden, int16_t *cell, int16_t *output) {
    for (int32_t b = 0; b < params->batches; b++) {
        int16_t *own = hidden + b * params->units;
        const int16_t *before = own;
        for (int32_t t = 0; t < params->steps; t++) {
            const int32_t row = b * params->batch_stride + t * params->step_stride;
            int16_t *now = output + row * params->units;
            step(params, weights, input + row * params->inputs, before, cell + b * params->units,
                 now);
            before = now;
        }
        memcpy(own, before, (size_t)params->units * sizeof(*own));
    }
}
