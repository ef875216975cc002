/*
 * Source: TFLM, tensorflow/lite/kernels/internal/reference/softmax.h, log_softmax.h and
 * l2normalization.h.
 */
#include "nn_kernels.h"

#include "nn_real.h"

#define LOWEST (-3.40282347e38F)
#define EPSILON 1e-6F

static float greatest(int32_t depth, const float *row) {
    float result = LOWEST;
    for (int32_t i = 0; i < depth; i++) {
        result = result < row[i] ? row[i] : result;
    }
    return result;
}

void nn_softmax_f32(float beta, int32_t rows, int32_t depth, const float *input, float *output) {
    for (int32_t row = 0; row < rows; row++, input += depth, output += depth) {
        const float most = greatest(depth, input);
        float sum = 0.0F;
        for (int32_t i = 0; i < depth; i++) {
            output[i] = nn_exp((input[i] - most) * beta);
            sum += output[i];
        }
        for (int32_t i = 0; i < depth; i++) {
            output[i] /= sum;
        }
    }
}

void nn_log_softmax_f32(int32_t rows, int32_t depth, const float *input, float *output) {
    for (int32_t row = 0; row < rows; row++, input += depth, output += depth) {
        const float most = greatest(depth, input);
        float sum = 0.0F;
        for (int32_t i = 0; i < depth; i++) {
            sum += nn_exp(input[i] - most);
        }
        const float log_sum = nn_log(sum);
        for (int32_t i = 0; i < depth; i++) {
            output[i] = input[i] - most - log_sum;
        }
    }
}

void nn_l2_normalization_f32(int32_t rows, int32_t depth, const float *input, float *output) {
    for (int32_t row = 0; row < rows; row++, input += depth, output += depth) {
        float sum = 0.0F;
        for (int32_t i = 0; i < depth; i++) {
            sum += input[i] * input[i];
        }
        const float root = nn_sqrt(sum);
        const float divisor = root < EPSILON ? EPSILON : root;
        for (int32_t i = 0; i < depth; i++) {
            output[i] = input[i] / divisor;
        }
    }
}
