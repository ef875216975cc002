/*
 * Kernels that move values and compute none, except those of resized images.
 */
#ifndef NN_MOVE_H
#define NN_MOVE_H

#include <stdint.h>

#include "nn_loops.h"

/* One side of an image, in pixels; neighbours of the output are `step`/1024 of the input apart. */
typedef struct {
    int32_t input;
    int32_t output;
    int32_t step;
} nn_resize_side_t;

typedef struct {
    nn_resize_side_t height;
    nn_resize_side_t width;
    int32_t depth;
    int32_t half_pixel_centers;
} nn_resize_bilinear_params_t;

/* Each pixel of the output is the weighted mean of the four pixels around its place. */
void nn_resize_bilinear_s8(const nn_resize_bilinear_params_t *params, const int8_t *input,
                           int8_t *output);

/*
 * One side of an image that is cut into blocks of `block` pixels. `blocks` is their number, and
 * the image begins `before` pixels after the first one does.
 */
typedef struct {
    int32_t image;
    int32_t blocks;
    int32_t block;
    int32_t before;
} nn_block_side_t;

typedef struct {
    int32_t batch; /* images */
    nn_block_side_t height;
    nn_block_side_t width;
    int32_t pixel; /* bytes */
} nn_blocks_t;

/*
 * Moves the pixels at one place of all blocks of an image to an image of their own (`to_batch`), or
 * back. Pixels outside the image are 0.
 */
void nn_blocks(const nn_blocks_t *params, int32_t to_batch, const void *input, void *output);

typedef struct {
    int32_t batch;   /* pieces of the input, each with indices of its own */
    int32_t outer;   /* rows of positions in a piece */
    int32_t size;    /* positions in a row */
    int32_t indices; /* positions that are taken from each row */
    int32_t width;   /* bytes at a position */
} nn_gather_params_t;

/* Takes the positions `indices` of each row. Returns 1 if a row has no such position, else 0. */
int nn_gather(const nn_gather_params_t *params, const int32_t *indices, const void *input,
              void *output);

#define NN_INDICES 5

typedef struct {
    int32_t slices;           /* that are taken */
    int32_t depth;            /* indices of a slice, 1 to NN_INDICES */
    int32_t step[NN_INDICES]; /* bytes that one more of each index moves on */
    int32_t width;            /* bytes of a slice */
    int32_t size;             /* bytes of the input */
} nn_gather_nd_params_t;

/* Takes one slice for each row of indices. Returns 1 if a slice is not in the input, else 0. */
int nn_gather_nd(const nn_gather_nd_params_t *params, const int32_t *indices, const void *input,
                 void *output);

typedef struct {
    int32_t rank;
    int32_t last[NN_AXES]; /* the greatest start along each axis */
    int32_t step[NN_AXES]; /* bytes that one more of each start moves on */
} nn_starts_t;

/* The offset of the slice that starts there; starts outside are moved to the nearest place. */
int32_t nn_slice_offset(const nn_starts_t *params, const int32_t *starts);

#endif
