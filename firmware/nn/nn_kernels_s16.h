/*
 * Kernels for networks with int16 activations and int8 weights. Their outputs equal those of TFLM's
 * reference kernels byte for byte.
 *
 * nn_kernels.h includes this header; the conventions are the same.
 */
#ifndef NN_KERNELS_S16_H
#define NN_KERNELS_S16_H

#include <stdint.h>

#include "nn_loops.h"
#include "nn_matmul.h"

/* As nn_add_s8(); TFLM rounds at another bit, so the parameters differ. */
void nn_add_s16(const nn_add_params_t *params, const nn_loops_t *loops, const int16_t *first,
                const int16_t *second, int16_t *output);

/* As nn_mul_s8(); all zero points are 0. */
void nn_mul_s16(const nn_mul_params_t *params, const nn_loops_t *loops, const int16_t *first,
                const int16_t *second, int16_t *output);

/* As nn_squared_difference_s8(); all zero points are 0. */
void nn_squared_difference_s16(const nn_squared_difference_params_t *params,
                               const nn_loops_t *loops, const int16_t *first, const int16_t *second,
                               int16_t *output);

/* The greater, or the lesser, of two stored values. */
void nn_max_s16(const nn_loops_t *loops, const int16_t *first, const int16_t *second,
                int16_t *output);
void nn_min_s16(const nn_loops_t *loops, const int16_t *first, const int16_t *second,
                int16_t *output);

/* As nn_prelu_s8(). */
void nn_prelu_s16(const nn_prelu_params_t *params, const nn_loops_t *loops, const int16_t *input,
                  const int8_t *alpha, int16_t *output);

/* As nn_mean_s8(). */
void nn_mean_s16(const nn_mean_params_t *params, const nn_loops_t *kept, const nn_loops_t *summed,
                 const int16_t *input, int16_t *output);

typedef struct {
    int32_t input_offset;
    nn_result_t positive; /* for values from the zero point on */
    nn_result_t negative; /* for those below it */
    int32_t sign;         /* -1 negates the scaled values below the zero point */
    int32_t activation_min;
    int32_t activation_max;
} nn_rescale_params_t;

/* Scales values by one of two factors. */
void nn_rescale_s16(const nn_rescale_params_t *params, int32_t size, const int16_t *input,
                    int16_t *output);

/* The reciprocal of the root, scaled by `factor`. Returns 1 if a value is negative. */
int nn_rsqrt_s16(const nn_factor_t *factor, int32_t size, const int16_t *input, int16_t *output);

typedef struct {
    int32_t multiplier; /* scales the input to units of 1/12288, before ... */
    int32_t shift;      /* ... a rounding shift to the right */
} nn_sigmoid_params_t;

/* Logistic function and hyperbolic tangent; the output has scale 1/32768. `table` holds
 * 65536 / (1 + exp(-i / 24)) for i = 0 to 255. */
void nn_logistic_s16(const nn_sigmoid_params_t *params, const uint16_t *table, int32_t size,
                     const int16_t *input, int16_t *output);
void nn_tanh_s16(const nn_sigmoid_params_t *params, const uint16_t *table, int32_t size,
                 const int16_t *input, int16_t *output);

typedef struct {
    int32_t multiplier; /* scales a difference of inputs to units of 10/65535 */
    int32_t shift;
    const int16_t *exponential; /* exp(x) for x = -10 to 0, in 513 steps */
    const int16_t *reciprocal;  /* 1 / (1 + x) for x = 0 to 1, in 513 steps */
} nn_softmax_s16_params_t;

/* Softmax of each of `rows` rows of `depth` values; the output has scale 1/32768. */
void nn_softmax_s16(const nn_softmax_s16_params_t *params, int32_t rows, int32_t depth,
                    const int16_t *input, int16_t *output);

/* Real values to int16 and back. */
void nn_quantize_f32_s16(float scale, int32_t zero_point, int32_t size, const float *input,
                         int16_t *output);
void nn_dequantize_s16_f32(float scale, int32_t zero_point, int32_t size, const int16_t *input,
                           float *output);

/*
 * How the sums of a layer with weights become its outputs. With `narrow`, sum and bias are int32
 * and wrap around; otherwise they are int64, the multiplier has 15 bits, and the shift is to the
 * right. With `per_channel` 1, each channel has a multiplier and a shift; with 0, all have one.
 */
typedef struct {
    const void *bias; /* or NULL */
    const int32_t *multiplier;
    const int32_t *shift;
    int32_t narrow;
    int32_t per_channel;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
} nn_sums_t;

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t groups;   /* parts of the input channels; each output channel reads one */
    int32_t depth;    /* input channels of one group */
    int32_t channels; /* output channels */
    nn_sums_t sums;
} nn_convolve_s16_params_t;

/*
 * Weights are [channels, height, width, depth]. `column` is for the values under one window. With
 * windows of one pixel, one group and no padding it is not used and may be NULL.
 */
void nn_convolve_s16(const nn_convolve_s16_params_t *params, const int16_t *input,
                     const int8_t *weights, int16_t *column, int16_t *output);

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t depth;      /* input channels */
    int32_t multiplier; /* output channels for each of them */
    nn_sums_t sums;
} nn_depthwise_s16_params_t;

/* Weights are [height, width, depth * multiplier]. */
void nn_depthwise_s16(const nn_depthwise_s16_params_t *params, const int16_t *input,
                      const int8_t *weights, int16_t *output);

typedef struct {
    int32_t images;
    nn_side_t height;
    nn_side_t width;
    int32_t depth;    /* input channels */
    int32_t channels; /* output channels */
    nn_sums_t sums;
} nn_transpose_conv_s16_params_t;

/* Weights are [channels, height, width, depth]. */
void nn_transpose_conv_s16(const nn_transpose_conv_s16_params_t *params, const int16_t *input,
                           const int8_t *weights, int16_t *output);

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t depth;
    int32_t activation_min;
    int32_t activation_max;
} nn_pool_s16_params_t;

void nn_average_pool_s16(const nn_pool_s16_params_t *params, const int16_t *input, int16_t *output);
void nn_max_pool_s16(const nn_pool_s16_params_t *params, const int16_t *input, int16_t *output);

#endif
