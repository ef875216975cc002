/* Kernels for int32 and float32; nn_kernels.h includes this file. */
#ifndef NN_KERNELS_32_H
#define NN_KERNELS_32_H

#include <stdint.h>

#include "nn_kernels.h"
#include "nn_loops.h"

/* Functions of two values for nn_pairs_s32() and nn_pairs_f32(). */
typedef int32_t (*nn_pair_s32_t)(int32_t a, int32_t b);
typedef float (*nn_pair_f32_t)(float a, float b);

int32_t nn_add_s32(int32_t a, int32_t b);
int32_t nn_sub_s32(int32_t a, int32_t b);
int32_t nn_mul_s32(int32_t a, int32_t b);
int32_t nn_div_s32(int32_t a, int32_t b);
int32_t nn_squared_difference_s32(int32_t a, int32_t b);
int32_t nn_max_s32(int32_t a, int32_t b);
int32_t nn_min_s32(int32_t a, int32_t b);

float nn_add_f32(float a, float b);
float nn_sub_f32(float a, float b);
float nn_mul_f32(float a, float b);
float nn_div_f32(float a, float b);
float nn_squared_difference_f32(float a, float b);
float nn_max_f32(float a, float b);
float nn_min_f32(float a, float b);
float nn_prelu_f32(float a, float b);
float nn_floor_div_f32(float a, float b);
float nn_floor_mod_f32(float a, float b);

/* `function` of each pair, clamped to least..greatest; the steps of `loops` are in elements. */
void nn_pairs_s32(nn_pair_s32_t function, int32_t least, int32_t greatest, const nn_loops_t *loops,
                  const int32_t *first, const int32_t *second, int32_t *output);
void nn_pairs_f32(nn_pair_f32_t function, float least, float greatest, const nn_loops_t *loops,
                  const float *first, const float *second, float *output);

/* Whether one of the values is 0. */
int nn_any_zero_s32(int32_t size, const int32_t *values);
int nn_any_zero_f32(int32_t size, const float *values);

/* As nn_compare_s8(), without scales. Bit 3 of `relation` is for what is not a number. */
void nn_compare_s32(int32_t relation, const nn_loops_t *loops, const int32_t *first,
                    const int32_t *second, int8_t *output);
void nn_compare_f32(int32_t relation, const nn_loops_t *loops, const float *first,
                    const float *second, int8_t *output);

/* Functions of one value for nn_map_f32(). */
typedef float (*nn_function_f32_t)(float x);

float nn_abs_f32(float x);
float nn_ceil_f32(float x);
float nn_cos_f32(float x);
float nn_elu_f32(float x);
float nn_exp_f32(float x);
float nn_floor_f32(float x);
float nn_hard_swish_f32(float x);
float nn_log_f32(float x);
float nn_logistic_f32(float x);
float nn_neg_f32(float x);
float nn_relu_f32(float x);
float nn_relu6_f32(float x);
float nn_round_f32(float x);
float nn_rsqrt_f32(float x);
float nn_sin_f32(float x);
float nn_sqrt_f32(float x);
float nn_square_f32(float x);
float nn_tanh_f32(float x);

void nn_map_f32(nn_function_f32_t function, int32_t size, const float *input, float *output);

/* x, or x * alpha from 0 down. */
void nn_leaky_relu_f32(float alpha, int32_t size, const float *input, float *output);

/* As the kernels for int8. */
void nn_add_n_f32(int32_t count, const float *const *inputs, int32_t size, float *output);
void nn_cumsum_f32(const nn_line_t *line, const float *input, float *output);
void nn_arg_max_f32(int32_t sign, int32_t outer, int32_t size, int32_t inner, const float *input,
                    int32_t *output);

/*
 * The sum over the positions of `reduced` from each position of `kept`, divided by `divisor`. The
 * first steps are the input's, in elements.
 */
void nn_sum_f32(float divisor, const nn_loops_t *kept, const nn_loops_t *reduced,
                const float *input, float *output);
void nn_reduce_max_f32(const nn_loops_t *kept, const nn_loops_t *reduced, const float *input,
                       float *output);
void nn_reduce_min_f32(const nn_loops_t *kept, const nn_loops_t *reduced, const float *input,
                       float *output);

/*
 * The root of the mean square in each window, clamped. `before` rows and columns of the first
 * windows are outside the image.
 */
void nn_l2_pool_f32(const nn_side_t *height, const nn_side_t *width, int32_t batches, int32_t depth,
                    float least, float greatest, const float *input, float *output);

/* As the kernels for int8, in real numbers. */
void nn_softmax_f32(float beta, int32_t rows, int32_t depth, const float *input, float *output);
void nn_log_softmax_f32(int32_t rows, int32_t depth, const float *input, float *output);
void nn_l2_normalization_f32(int32_t rows, int32_t depth, const float *input, float *output);

#endif
