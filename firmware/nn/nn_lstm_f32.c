/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/lstm_eval.h, LstmStep.
 *
 * As in nn_lstm_s8.c, a unit computes its four gates together.
 */
#include "nn_kernels.h"

#include "nn_real.h"

#define GREATEST 3.40282347e38F

/* TFLM clamps sums and products, but not what it adds up of them. */
static float bounded(float x) {
    return nn_clamp_f32(x, -GREATEST, GREATEST);
}

/* Adds the weighted sums of `values` and `bias`, or without one zeros, to the four gates. */
static void add_sums(const float *values, int32_t count, const float *weights, const float *bias,
                     float *gates) {
    float sums[NN_GATES] = {0};
    for (int32_t i = 0; i < count; i++, weights += NN_GATES) {
        const float value = values[i];
        sums[0] += value * weights[0];
        sums[1] += value * weights[1];
        sums[2] += value * weights[2];
        sums[3] += value * weights[3];
    }
    for (int i = 0; i < NN_GATES; i++) {
        gates[i] += bounded(sums[i] + (bias ? bias[i] : 0.0F));
    }
}

/* Updates the cell of a unit, and returns the unit's output. */
static float output_of(const nn_lstm_f32_params_t *p, const float *gates, float *cell) {
    const float kept = bounded(nn_logistic_f32(gates[NN_FORGET_GATE]) * *cell);
    const float input = nn_logistic_f32(gates[NN_INPUT_GATE]);
    float value = kept + bounded(input * nn_tanh(gates[NN_CELL_GATE]));
    if (p->cell_clip > 0.0F) {
        /* What is not a number becomes the greatest one. */
        value = value < p->cell_clip ? value : p->cell_clip;
        value = value < -p->cell_clip ? -p->cell_clip : value;
    }
    *cell = value;
    return bounded(nn_tanh(value) * nn_logistic_f32(gates[NN_OUTPUT_GATE]));
}

static void step(const nn_lstm_f32_params_t *p, const nn_lstm_f32_weights_t *weights,
                 const float *input, const float *hidden, float *cell, float *output) {
    for (int32_t i = 0; i < p->units; i++) {
        float gates[NN_GATES] = {0};
        add_sums(input, p->inputs, weights->of_input + i * p->inputs * NN_GATES,
                 weights->bias + i * NN_GATES, gates);
        add_sums(hidden, p->units, weights->of_hidden + i * p->units * NN_GATES, NULL, gates);
        output[i] = output_of(p, gates, &cell[i]);
    }
}

void nn_lstm_f32(const nn_lstm_f32_params_t *params, const nn_lstm_f32_weights_t *weights,
                 const float *input, float *hidden, float *cell, float *output) {
    for (int32_t b = 0; b < params->batches; b++) {
        float *own = hidden + b * params->units;
        const float *before = own;
        for (int32_t t = 0; t < params->steps; t++) {
            const int32_t row = b * params->batch_stride + t * params->step_stride;
            float *now = output + row * params->units;
            step(params, weights, input + row * params->inputs, before, cell + b * params->units,
                 now);
            before = now;
        }
        memcpy(own, before, (size_t)params->units * sizeof(float));
    }
}
