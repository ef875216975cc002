/*
 * Int8 kernels in addition to CMSIS-NN's. Their outputs equal those of TFLM's reference kernels
 * byte for byte.
 *
 * The code generator computes the parameters. The output may use the same memory as an input of
 * the same size.
 */
#ifndef NN_KERNELS_H
#define NN_KERNELS_H

#include <stdint.h>

#include "nn_loops.h"

/* Adds offset, then scales by multiplier * 2^(shift - 31); -31 <= shift <= 0. */
typedef struct {
    int32_t offset;
    int32_t multiplier;
    int32_t shift;
} nn_term_t;

/* Scales by multiplier * 2^(shift - 31), then adds offset; -31 <= shift <= 30. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
    int32_t offset;
} nn_result_t;

typedef struct {
    nn_term_t first;
    nn_term_t second;
    int32_t sign;       /* 1, or -1 to subtract the second */
    nn_result_t output; /* shift <= 0 */
    int32_t activation_min;
    int32_t activation_max;
} nn_add_params_t;

/* output = first + sign * second in real values; the steps of `loops` are in elements. */
void nn_add_s8(const nn_add_params_t *params, const nn_loops_t *loops, const int8_t *first,
               const int8_t *second, int8_t *output);

typedef struct {
    int32_t first_offset;
    int32_t second_offset;
    nn_result_t output;
    int32_t activation_min;
    int32_t activation_max;
} nn_mul_params_t;

/* output = first * second in real values; the steps of `loops` are in elements. */
void nn_mul_s8(const nn_mul_params_t *params, const nn_loops_t *loops, const int8_t *first,
               const int8_t *second, int8_t *output);

/* The greater, or the lesser, of two stored values; the steps of `loops` are in elements. */
void nn_max_s8(const nn_loops_t *loops, const int8_t *first, const int8_t *second, int8_t *output);
void nn_min_s8(const nn_loops_t *loops, const int8_t *first, const int8_t *second, int8_t *output);

/* output[i] = table[(uint8_t)input[i]]. */
void nn_lut_s8(const int8_t *table, int32_t size, const int8_t *input, int8_t *output);

typedef struct {
    int32_t input_sum; /* the sum if every real value is 0 */
    nn_result_t output;
} nn_mean_params_t;

/*
 * The scaled sum over the positions of `summed` from each position of `kept`. The first steps
 * of both are the input's, in elements.
 */
void nn_mean_s8(const nn_mean_params_t *params, const nn_loops_t *kept, const nn_loops_t *summed,
                const int8_t *input, int8_t *output);

/*
 * The greatest (sign 1) or least (-1) value over the positions of `reduced` from each position
 * of `kept`.
 */
void nn_reduce_max_s8(int32_t sign, const nn_loops_t *kept, const nn_loops_t *reduced,
                      const int8_t *input, int8_t *output);

/*
 * Copies `width` bytes at each position of `loops`. The first steps are those of the source, the
 * second steps those of the target, in bytes. Source and target must not overlap.
 */
void nn_copy(const nn_loops_t *loops, int32_t width, const void *from, void *to);

void nn_fill_s8(int8_t value, int32_t size, int8_t *output);

/*
 * Pixel (y, x) of the output is pixel (rows[y], columns[x]) of the input. `row_size`, the size of
 * an input row, and `pixel_size` are in bytes.
 */
void nn_resize_nearest(const uint16_t *rows, int32_t height, const uint16_t *columns, int32_t width,
                       int32_t row_size, int32_t pixel_size, const int8_t *input, int8_t *output);

/*
 * The index of the greatest (sign 1) or least (-1) value along the middle one of three axes. If
 * several values are equal, the first one counts.
 */
void nn_arg_max_s8(int32_t sign, int32_t outer, int32_t size, int32_t inner, const int8_t *input,
                   int32_t *output);

/* Real values to int8 and back. */
void nn_quantize_f32_s8(float scale, int32_t zero_point, int32_t size, const float *input,
                        int8_t *output);
void nn_dequantize_s8_f32(float scale, int32_t zero_point, int32_t size, const int8_t *input,
                          float *output);

typedef enum { NN_S8, NN_S16, NN_S32 } nn_type_t;

typedef struct {
    nn_type_t from;
    nn_type_t to;
    int32_t input_zero_point;
    nn_result_t output;
} nn_requantize_params_t;

/* Converts from one integer type and scale to another. */
void nn_requantize(const nn_requantize_params_t *params, int32_t size, const void *input,
                   void *output);

/* One axis of a transposed convolution, in elements; `before` elements are cut off at its start. */
typedef struct {
    int32_t input;
    int32_t output;
    int32_t window;
    int32_t stride;
    int32_t before;
} nn_side_t;

typedef struct {
    nn_side_t height;
    nn_side_t width;
    int32_t depth;    /* input channels */
    int32_t channels; /* output channels */
    int32_t input_offset;
    int32_t output_offset;
    int32_t activation_min;
    int32_t activation_max;
} nn_transpose_conv_params_t;

/*
 * Weights are [channels, height, width, depth], with a multiplier and a shift for each channel.
 * `bias` may be NULL.
 */
void nn_transpose_conv_s8(const nn_transpose_conv_params_t *params, const int8_t *input,
                          const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                          const int32_t *shift, int8_t *output);

typedef struct {
    int32_t multiplier; /* scales an input difference to Q5.26 ... */
    int32_t shift;      /* ... after a shift to the left */
    int32_t diff_min;   /* values further below the maximum count as zero */
} nn_softmax_params_t;

/* Softmax of each of `rows` rows of `depth` values; output in 1/256, zero point -128. */
void nn_softmax_s8(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                   const int8_t *input, int8_t *output);

#include "nn_kernels_s16.h"
#include "nn_recurrent.h"

#endif
