/*
 * What the LSTM of int8 and that of int16 have in common: gates and cells are int16 in both.
 *
 * Source of the arithmetic: TFLM, tensorflow/lite/micro/kernels/lstm_eval.h, LstmStep.
 */
#ifndef NN_LSTM_CELL_H
#define NN_LSTM_CELL_H

#include "nn_fixed.h"
#include "nn_kernels.h"

static inline int32_t nn_saturated_s16(int32_t x) {
    return nn_clamp(x, INT16_MIN, INT16_MAX);
}

static inline int32_t nn_scaled_s16(int32_t x, const nn_factor_t *factor) {
    return nn_saturated_s16(nn_scale(x, factor->multiplier, factor->shift));
}

/* Updates the cell of a unit, and returns the unit's output, which is not clamped. */
static inline int32_t nn_lstm_output(const nn_lstm_params_t *p, const uint16_t *table,
                                     int16_t *gates, int16_t *cell) {
    static const nn_sigmoid_params_t of_gates = {3, 0};
    nn_logistic_s16(&of_gates, table, NN_CELL_GATE, gates, gates);
    nn_tanh_s16(&of_gates, table, 1, gates + NN_CELL_GATE, gates + NN_CELL_GATE);
    const int32_t kept = nn_scaled_s16(gates[NN_FORGET_GATE] * *cell, &p->forget);
    const int32_t added = nn_scaled_s16(gates[NN_INPUT_GATE] * gates[NN_CELL_GATE], &p->update);
    *cell = (int16_t)nn_clamp(kept + added, p->cell_min, p->cell_max);
    int16_t value;
    nn_tanh_s16(&p->cell, table, 1, cell, &value);
    const int32_t product = value * gates[NN_OUTPUT_GATE];
    return nn_scale(product, p->output.multiplier, p->output.shift) + p->output.offset;
}

#endif
