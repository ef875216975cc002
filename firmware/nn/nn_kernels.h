/*
 * Int8 kernels in addition to CMSIS-NN's. Their outputs equal those of TFLM's reference kernels
 * byte for byte.
 *
 * The code generator computes the parameters. The output may use the same memory as an input of
 * the same size.
 */
#ifndef NN_KERNELS_H
#define NN_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "nn_loops.h"
#include "nn_matmul.h"
#include "nn_move.h"

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

/* Scales by multiplier * 2^(shift - 31); -31 <= shift <= 30. */
typedef struct {
    int32_t multiplier;
    int32_t shift;
} nn_factor_t;

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

/*
 * output = first / second in real values; the steps of `loops` are in elements. Returns 1 if it has
 * to divide by 0.
 */
int nn_div_s8(const nn_mul_params_t *params, const nn_loops_t *loops, const int8_t *first,
              const int8_t *second, int8_t *output);

typedef struct {
    nn_term_t first;
    nn_term_t second;
    nn_result_t output;
} nn_squared_difference_params_t;

/* output = (first - second)^2 in real values; the steps of `loops` are in elements. */
void nn_squared_difference_s8(const nn_squared_difference_params_t *params, const nn_loops_t *loops,
                              const int8_t *first, const int8_t *second, int8_t *output);

typedef struct {
    int32_t input_offset;
    int32_t alpha_offset;
    nn_result_t positive; /* for input values from 0 on */
    nn_result_t negative; /* for the others, times alpha */
} nn_prelu_params_t;

/* output = input, or input * alpha below 0; the steps of `loops` are in elements. */
void nn_prelu_s8(const nn_prelu_params_t *params, const nn_loops_t *loops, const int8_t *input,
                 const int8_t *alpha, int8_t *output);

typedef struct {
    int32_t offset;     /* minus the zero point of the inputs */
    nn_result_t output; /* shift <= 0 */
} nn_sums_params_t;

/* The sum of `count` inputs of one scale and zero point. */
void nn_add_n_s8(const nn_sums_params_t *params, int32_t count, const int8_t *const *inputs,
                 int32_t size, int8_t *output);

/* The sums along the middle one of three axes; `exclusive` ones leave out their own element. */
typedef struct {
    int32_t outer;
    int32_t size;
    int32_t inner;
    int32_t exclusive;
    int32_t reverse;
} nn_line_t;

void nn_cumsum_s8(const nn_sums_params_t *params, const nn_line_t *line, const int8_t *input,
                  int8_t *output);

/* 0 if a < b, 1 if they are equal, 2 if a > b. */
static inline int32_t nn_order(int32_t a, int32_t b) {
    return 1 + (a > b) - (a < b);
}

/*
 * Whether `relation` holds for each pair, as a byte of 0 or 1: its bit nn_order(). The steps of
 * `loops` are in elements.
 */
void nn_compare_s8(int32_t relation, const nn_term_t *first_term, const nn_term_t *second_term,
                   const nn_loops_t *loops, const int8_t *first, const int8_t *second,
                   int8_t *output);

/*
 * Copies an element of `width` bytes to the output where the condition is not 0. The first steps
 * of `loops` are those of the condition, the second those of `from` in bytes.
 */
void nn_select(const nn_loops_t *loops, int32_t width, const int8_t *condition, const void *from,
               void *output);

/* The greater, or the lesser, of two stored values; the steps of `loops` are in elements. */
void nn_max_s8(const nn_loops_t *loops, const int8_t *first, const int8_t *second, int8_t *output);
void nn_min_s8(const nn_loops_t *loops, const int8_t *first, const int8_t *second, int8_t *output);

/* output[i] = table[(uint8_t)input[i]]. */
void nn_lut_s8(const int8_t *table, int32_t size, const int8_t *input, int8_t *output);

/* As nn_lut_s8(). Returns 1 if an input is below `least`. */
int nn_checked_lut_s8(const int8_t *table, int32_t least, int32_t size, const int8_t *input,
                      int8_t *output);

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
                       int32_t row_size, int32_t pixel_size, const void *input, void *output);

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
void nn_dequantize_u8_f32(float scale, int32_t zero_point, int32_t size, const uint8_t *input,
                          float *output);

typedef enum { NN_S8, NN_S16, NN_S32, NN_U32, NN_F32 } nn_type_t;

typedef struct {
    nn_type_t from;
    nn_type_t to;
    int32_t input_zero_point;
    nn_result_t output;
} nn_requantize_params_t;

/* Converts from one integer type and scale to another. */
void nn_requantize(const nn_requantize_params_t *params, int32_t size, const void *input,
                   void *output);

/* Converts the stored values from one type to another, without a scale. */
void nn_cast(nn_type_t from, nn_type_t to, int32_t size, const void *input, void *output);

/*
 * As nn_window_t without a dilation. In a transposed convolution, `before` elements are cut off at
 * the start of the output.
 */
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

/* The same; output in 1/65536, zero point -32768. */
void nn_softmax_s8_s16(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                       const int8_t *input, int16_t *output);

typedef struct {
    nn_result_t to_q5;   /* scales an input difference to Q5.26 */
    nn_result_t from_q5; /* and back */
    int32_t diff_min;    /* values further below the maximum count as zero */
} nn_log_softmax_params_t;

/* Logarithm of the softmax of each of `rows` rows; output in 1/16, zero point 127. */
void nn_log_softmax_s8(const nn_log_softmax_params_t *params, int32_t rows, int32_t depth,
                       const int8_t *input, int8_t *output);

/* Each of `rows` rows divided by the root of its sum of squares; output in 1/128, zero point 0. */
void nn_l2_normalization_s8(int32_t zero_point, int32_t rows, int32_t depth, const int8_t *input,
                            int8_t *output);

#include "nn_detection.h"
#include "nn_kernels_32.h"
#include "nn_kernels_f32.h"
#include "nn_kernels_s16.h"
#include "nn_recurrent.h"

#endif
