/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/micro/kernels/svdf_common.cc, EvalFloatSvdfReference; activation_utils.h.
 */
#include "nn_kernels.h"

#include "nn_real.h"

static float dot(const float *a, const float *b, int32_t count) {
    float sum = 0.0F;
    for (int32_t i = 0; i < count; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* As C's fmaxf() and fminf(): of a number and what is none, the number. */
static float greater(float a, float b) {
    return a > b || b != b ? a : b;
}

static float lesser(float a, float b) {
    return a < b || b != b ? a : b;
}

float nn_fused_relu_f32(float x) {
    return greater(0.0F, x);
}

float nn_fused_relu_n1_to_1_f32(float x) {
    return greater(-1.0F, lesser(1.0F, x));
}

float nn_fused_relu6_f32(float x) {
    return greater(0.0F, lesser(6.0F, x));
}

float nn_fused_sign_bit_f32(float x) {
    return (float)(nn_bits(x) >> 31);
}

void nn_svdf_f32(const nn_svdf_f32_params_t *params, nn_function_f32_t activation,
                 const float *input, const float *filters, const float *over_time,
                 const float *bias, float *state, float *output) {
    const nn_svdf_f32_params_t p = *params;
    const int32_t count = p.units * p.rank;
    /* All values get older. The last one of each filter is overwritten. */
    memmove(state, state + 1, (size_t)(p.batches * count * p.memory - 1) * sizeof(float));
    for (int32_t b = 0; b < p.batches; b++, input += p.inputs) {
        const float *weights = over_time;
        for (int32_t unit = 0; unit < p.units; unit++) {
            float sum = bias[unit];
            for (int32_t i = unit * p.rank; i < (unit + 1) * p.rank; i++) {
                state[p.memory - 1] = dot(filters + i * p.inputs, input, p.inputs);
                sum += dot(weights, state, p.memory);
                weights += p.memory;
                state += p.memory;
            }
            *output++ = activation ? activation(sum) : sum;
        }
    }
}
