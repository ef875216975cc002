/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/lstm_eval.h, LstmStep.
 *
 * A unit computes its four gates together, so each input is loaded once for all of them, and the
 * gates need no memory.
 */
#include <string.h>

#include "nn_kernels.h"

#include "nn_lstm_cell.h"

/* Adds the weighted sums of `values`, scaled, to the four gates. */
static void add_sums(const int8_t *values, int32_t count, const int8_t *weights,
                     const int32_t *bias, const nn_factor_t *factors, int16_t *gates) {
    uint32_t sums[NN_GATES];
    memcpy(sums, bias, sizeof(sums));
    for (int32_t i = 0; i < count; i++, weights += NN_GATES) {
        const int32_t value = values[i];
        sums[0] += (uint32_t)(value * weights[0]);
        sums[1] += (uint32_t)(value * weights[1]);
        sums[2] += (uint32_t)(value * weights[2]);
        sums[3] += (uint32_t)(value * weights[3]);
    }
    for (int i = 0; i < NN_GATES; i++) {
        gates[i] =
            (int16_t)nn_saturated_s16(gates[i] + nn_scaled_s16((int32_t)sums[i], &factors[i]));
    }
}

static void step(const nn_lstm_params_t *p, const nn_lstm_weights_t *weights, const int8_t *input,
                 const int8_t *hidden, int16_t *cell, int8_t *output) {
    for (int32_t i = 0; i < p->units; i++) {
        int16_t gates[NN_GATES] = {0};
        add_sums(input, p->inputs, weights->of_input + i * p->inputs * NN_GATES,
                 weights->input_bias + i * NN_GATES, p->of_input, gates);
        add_sums(hidden, p->units, weights->of_hidden + i * p->units * NN_GATES,
                 weights->hidden_bias + i * NN_GATES, p->of_hidden, gates);
        const int32_t value = nn_lstm_output(p, weights->table, gates, &cell[i]);
        output[i] = (int8_t)nn_clamp(value, INT8_MIN, INT8_MAX);
    }
}

void nn_lstm_s8(const nn_lstm_params_t *params, const nn_lstm_weights_t *weights,
                const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output) {
    for (int32_t b = 0; b < params->batches; b++) {
        int8_t *own = hidden + b * params->units;
        const int8_t *before = own;
        for (int32_t t = 0; t < params->steps; t++) {
            const int32_t row = b * params->batch_stride + t * params->step_stride;
            int8_t *now = output + row * params->units;
            step(params, weights, input + row * params->inputs, before, cell + b * params->units,
                 now);
            before = now;
        }
        memcpy(own, before, (size_t)params->units);
    }
}
