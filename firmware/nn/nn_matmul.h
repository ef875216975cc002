/*
 * Products whose weights are not constant or not symmetric, and convolutions in groups.
 */
#ifndef NN_MATMUL_H
#define NN_MATMUL_H

#include <stdint.h>

#include "nn_loops.h"

typedef struct {
    int32_t rows;    /* of the first matrix and the output */
    int32_t columns; /* of the second matrix and the output */
    int32_t depth;   /* products that are added up for one value */
    int32_t first_row;
    int32_t first_depth; /* steps of the first matrix, and of the second */
    int32_t second_column;
    int32_t second_depth;
    int32_t first_offset;
    int32_t second_offset;
    int32_t multiplier;
    int32_t shift;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
} nn_matmul_params_t;

/*
 * output = first * second + bias for each pair of matrices that `pairs` steps to. `bias` has a
 * value for each column, or is NULL.
 */
void nn_matmul_s8(const nn_matmul_params_t *params, const nn_loops_t *pairs, const int8_t *first,
                  const int8_t *second, const int32_t *bias, int8_t *output);

/* As nn_matmul_s8(); offsets are 0, the multiplier has 15 bits, and the shift is to the right. */
void nn_matmul_s16(const nn_matmul_params_t *params, const nn_loops_t *pairs, const int16_t *first,
                   const int16_t *second, int16_t *output);

typedef struct {
    int32_t rows; /* as in nn_matmul_params_t */
    int32_t columns;
    int32_t depth;
    int32_t first_row;
    int32_t first_depth;
    int32_t second_column;
    int32_t second_depth;
} nn_matmul_f32_params_t;

/* As nn_matmul_s8(), in real numbers and without a bias. */
void nn_matmul_f32(const nn_matmul_f32_params_t *params, const nn_loops_t *pairs,
                   const float *first, const float *second, float *output);

/* A window along one axis of an image, in elements; `before` elements of padding come first. */
typedef struct {
    int32_t input;
    int32_t output;
    int32_t window;
    int32_t stride;
    int32_t dilation;
    int32_t before;
} nn_window_t;

typedef struct {
    nn_window_t height;
    nn_window_t width;
    int32_t depth;    /* input channels */
    int32_t channels; /* output channels */
    int32_t groups;   /* of both */
    int32_t input_offset;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
} nn_grouped_conv_params_t;

/*
 * Weights are [channels, height, width, depth / groups], with a multiplier and a shift for each
 * channel. `bias` may be NULL.
 */
void nn_grouped_conv_s8(const nn_grouped_conv_params_t *params, const int8_t *input,
                        const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                        const int32_t *shift, int8_t *output);

#endif
