/*
 * Layers of networks that compute with float32. They add in the order of TFLM's reference kernels,
 * so their outputs equal TFLM's byte for byte where TFLM does not fuse a product and a sum.
 *
 * nn_kernels.h includes this header; the conventions are the same.
 */
#ifndef NN_KERNELS_F32_H
#define NN_KERNELS_F32_H

#include <stdint.h>

#include "nn_kernels.h" /* nn_side_t */
#include "nn_matmul.h"  /* nn_window_t */

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t groups;   /* parts of the input channels; each output channel reads one */
    int32_t depth;    /* input channels of one group */
    int32_t channels; /* output channels */
    float least;
    float greatest;
} nn_convolve_f32_params_t;

/* Weights are [channels, height, width, depth]. `bias` may be NULL. */
void nn_convolve_f32(const nn_convolve_f32_params_t *params, const float *input,
                     const float *weights, const float *bias, float *output);

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t depth;      /* input channels */
    int32_t multiplier; /* output channels for each of them */
    float least;
    float greatest;
} nn_depthwise_f32_params_t;

/* Weights are [height, width, depth * multiplier]. `bias` may be NULL. */
void nn_depthwise_f32(const nn_depthwise_f32_params_t *params, const float *input,
                      const float *weights, const float *bias, float *output);

typedef struct {
    int32_t images;
    nn_window_t height;
    nn_window_t width;
    int32_t depth;
    float least;
    float greatest;
} nn_pool_f32_params_t;

void nn_average_pool_f32(const nn_pool_f32_params_t *params, const float *input, float *output);
void nn_max_pool_f32(const nn_pool_f32_params_t *params, const float *input, float *output);

typedef struct {
    int32_t images;
    nn_side_t height;
    nn_side_t width;
    int32_t depth;    /* input channels */
    int32_t channels; /* output channels */
    float least;
    float greatest;
} nn_transpose_conv_f32_params_t;

/* Weights are [channels, height, width, depth]. `bias` may be NULL. */
void nn_transpose_conv_f32(const nn_transpose_conv_f32_params_t *params, const float *input,
                           const float *weights, const float *bias, float *output);

/* The rows or columns of an image, and of the image that it is resized to. */
typedef struct {
    int32_t input;
    int32_t output;
    const uint16_t *between; /* for each of the output: the two of the input around it */
    const float *distance;   /* and how far it is from the first */
} nn_resize_f32_side_t;

typedef struct {
    int32_t images;
    nn_resize_f32_side_t rows;
    nn_resize_f32_side_t columns;
    int32_t depth;
} nn_resize_bilinear_f32_params_t;

void nn_resize_bilinear_f32(const nn_resize_bilinear_f32_params_t *params, const float *input,
                            float *output);

#endif
