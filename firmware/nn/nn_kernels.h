/*
 * Int8 kernels beside CMSIS-NN's, byte for byte TFLM's reference kernels.
 *
 * Parameters are computed when the code is generated. Output may be the same
 * memory as an input of the same size.
 */
#ifndef NN_KERNELS_H
#define NN_KERNELS_H

#include <stdint.h>

/* Adds offset, then scales by multiplier * 2^(shift - 31); -31 <= shift <= 0. */
typedef struct {
    int32_t offset;
    int32_t multiplier;
    int32_t shift;
} nn_term_t;

typedef struct {
    nn_term_t first;
    nn_term_t second;
    nn_term_t output; /* here the offset is added after scaling */
    int32_t activation_min;
    int32_t activation_max;
} nn_add_params_t;

/*
 * output[i] = first[i] + second[i % second_size] in real values.
 * size must be a multiple of second_size.
 */
void nn_add_s8(const nn_add_params_t *params, const int8_t *first, int32_t size,
               const int8_t *second, int32_t second_size, int8_t *output);

typedef struct {
    int32_t multiplier; /* scales an input difference to Q5.26 ... */
    int32_t shift;      /* ... after a shift to the left */
    int32_t diff_min;   /* what lies further below the maximum counts as zero */
} nn_softmax_params_t;

/* Softmax of each of `rows` rows of `depth` values; output in 1/256, zero point -128. */
void nn_softmax_s8(const nn_softmax_params_t *params, int32_t rows, int32_t depth,
                   const int8_t *input, int8_t *output);

#endif
