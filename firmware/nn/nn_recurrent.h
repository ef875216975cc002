/*
 * Kernels with a state that lives from one inference to the next. Their outputs equal those of
 * TFLM's reference kernels byte for byte.
 *
 * nn_kernels.h includes this header; the conventions are the same. In int8, the biases of all sums
 * contain the zero points of what is multiplied, and sums wrap around.
 */
#ifndef NN_RECURRENT_H
#define NN_RECURRENT_H

#include <stdint.h>

typedef struct {
    int32_t batches;
    int32_t inputs; /* values of the input for each batch */
    int32_t units;  /* values of the output for each batch */
    int32_t rank;   /* filters of each unit */
    int32_t memory; /* values that the state keeps of each filter */
    nn_type_t type; /* of the state and of the weights over time: NN_S8 or NN_S16 */
    nn_factor_t state;
    int32_t state_offset;
    nn_result_t output;
} nn_svdf_params_t;

/*
 * Filters of the input and of their own past. The state is [batches, units * rank, memory], the
 * oldest value first. `filters` are [units * rank, inputs], and `over_time` [units * rank, memory].
 */
void nn_svdf_s8(const nn_svdf_params_t *params, const int8_t *input, const int8_t *filters,
                const int32_t *filter_bias, const void *over_time, const int32_t *bias, void *state,
                int8_t *output);

typedef struct {
    int32_t batches; /* as in nn_svdf_params_t */
    int32_t inputs;
    int32_t units;
    int32_t rank;
    int32_t memory;
} nn_svdf_f32_params_t;

/* As nn_svdf_s8(); `activation` may be NULL. */
void nn_svdf_f32(const nn_svdf_f32_params_t *params, nn_function_f32_t activation,
                 const float *input, const float *filters, const float *over_time,
                 const float *bias, float *state, float *output);

/* Its activations. The first three make a number of what is none. */
float nn_fused_relu_f32(float x);
float nn_fused_relu_n1_to_1_f32(float x);
float nn_fused_relu6_f32(float x);
float nn_fused_sign_bit_f32(float x);

/* The order of gates in the parameters and the weights of an LSTM. */
enum { NN_INPUT_GATE, NN_FORGET_GATE, NN_OUTPUT_GATE, NN_CELL_GATE, NN_GATES };

typedef struct {
    int32_t batches;
    int32_t steps;
    int32_t batch_stride; /* from one batch to the next, in rows of the input and the output */
    int32_t step_stride;  /* from one step to the next, in the same rows */
    int32_t inputs;       /* values of a row of the input */
    int32_t units;        /* values of a row of the output */
    nn_factor_t of_input[NN_GATES];  /* scale sums to units of 1/4096 */
    nn_factor_t of_hidden[NN_GATES]; /* the same for those of the hidden state */
    nn_factor_t forget;              /* scales a product of gate and cell to the cell */
    nn_factor_t update;              /* scales a product of two gates to the cell */
    nn_sigmoid_params_t cell;        /* scales the cell for the tanh */
    int32_t cell_min;
    int32_t cell_max;
    nn_result_t output;
} nn_lstm_params_t;

/* Weights are [units, columns, NN_GATES], biases [units, NN_GATES]. */
typedef struct {
    const int8_t *of_input;
    const int32_t *input_bias;
    const int8_t *of_hidden;
    const int32_t *hidden_bias;
    const uint16_t *table; /* as for nn_logistic_s16() */
} nn_lstm_weights_t;

/*
 * A long short-term memory: `hidden` and `cell` are the state, [batches, units]. The input has
 * batches * steps rows, the output as many.
 */
void nn_lstm_s8(const nn_lstm_params_t *params, const nn_lstm_weights_t *weights,
                const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output);

typedef struct {
    int32_t batches; /* as in nn_lstm_params_t */
    int32_t steps;
    int32_t batch_stride;
    int32_t step_stride;
    int32_t inputs;
    int32_t units;
    float cell_clip; /* the greatest size of a cell, or 0 */
} nn_lstm_f32_params_t;

/* As in nn_lstm_weights_t. */
typedef struct {
    const float *of_input;
    const float *of_hidden;
    const float *bias;
} nn_lstm_f32_weights_t;

/* As nn_lstm_s8(). */
void nn_lstm_f32(const nn_lstm_f32_params_t *params, const nn_lstm_f32_weights_t *weights,
                 const float *input, float *hidden, float *cell, float *output);

/*
 * As nn_lstm_weights_t, but weights are [units, NN_GATES, columns]. The factors of the sums in the
 * parameters are those of nn_scale_wide().
 */
typedef struct {
    const int8_t *of_input;
    const int64_t *input_bias;
    const int8_t *of_hidden;
    const int64_t *hidden_bias;
    const uint16_t *table;
} nn_lstm_weights_s16_t;

/* As nn_lstm_s8(). */
void nn_lstm_s16(const nn_lstm_params_t *params, const nn_lstm_weights_s16_t *weights,
                 const int16_t *input, int16_t *hidden, int16_t *cell, int16_t *output);

#endif
