/*
 * Source: TFLM, tensorflow/lite/micro/kernels/elementwise.cc, activations_common.cc, neg.cc;
 * tensorflow/lite/kernels/internal/reference/ceil.h, elu.h, exp.h, floor.h, hard_swish.h,
 * logistic.h, round.h and tanh.h.
 */
#include "nn_kernels.h"

#include "nn_real.h"

float nn_abs_f32(float x) {
    return nn_abs(x);
}

float nn_ceil_f32(float x) {
    return -nn_floor(-x);
}

float nn_cos_f32(float x) {
    return nn_cos(x);
}

float nn_elu_f32(float x) {
    return x < 0.0F ? nn_expm1(x) : x;
}

float nn_exp_f32(float x) {
    return nn_exp(x);
}

float nn_floor_f32(float x) {
    return nn_floor(x);
}

float nn_hard_swish_f32(float x) {
    const float moved = x + 3.0F;
    const float lifted = 0.0F < moved ? moved : 0.0F;
    return x * (lifted < 6.0F ? lifted : 6.0F) / 6.0F;
}

float nn_log_f32(float x) {
    return nn_log(x);
}

float nn_logistic_f32(float x) {
    if (x > 16.619047164916992188F) {
        return 1.0F;
    }
    return x < -9.0F ? nn_exp(x) : 1.0F / (1.0F + nn_exp(-x));
}

float nn_neg_f32(float x) {
    return -x;
}

float nn_relu_f32(float x) {
    return x < 0.0F ? 0.0F : x;
}

float nn_relu6_f32(float x) {
    return x > 6.0F ? 6.0F : nn_relu_f32(x);
}

/* Halves to even. */
float nn_round_f32(float x) {
    const float floor = nn_floor(x);
    const float rest = x - floor;
    if (rest < 0.5F || (rest == 0.5F && (int32_t)floor % 2 == 0)) {
        return floor;
    }
    return floor + 1.0F;
}

float nn_rsqrt_f32(float x) {
    return 1.0F / nn_sqrt(x);
}

float nn_sin_f32(float x) {
    return nn_sin(x);
}

float nn_sqrt_f32(float x) {
    return nn_sqrt(x);
}

float nn_square_f32(float x) {
    return x * x;
}

float nn_tanh_f32(float x) {
    return nn_tanh(x);
}

void nn_map_f32(nn_function_f32_t function, int32_t size, const float *input, float *output) {
    for (int32_t i = 0; i < size; i++) {
        output[i] = function(input[i]);
    }
}

void nn_leaky_relu_f32(float alpha, int32_t size, const float *input, float *output) {
    for (int32_t i = 0; i < size; i++) {
        output[i] = input[i] > 0.0F ? input[i] : input[i] * alpha;
    }
}
