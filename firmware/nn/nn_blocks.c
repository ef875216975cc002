/*
 * Source of the order: TFLM,
 * tensorflow/lite/kernels/internal/reference/space_to_batch_nd.h and batch_to_space_nd.h.
 */
#include "nn_kernels.h"

#include <string.h>

/* Returns the row or column of the image at place `in_block` of block `at`; outside it -1. */
static int32_t place(const nn_block_side_t *side, int32_t at, int32_t in_block) {
    const int32_t position = at * side->block + in_block - side->before;
    return position >= 0 && position < side->image ? position : -1;
}

/* Moves the pixels at one place of all blocks; returns the first byte after those in `blocks`. */
static int32_t move(const nn_blocks_t *p, int32_t to_batch, int32_t batch, int32_t in_block,
                    int32_t blocks, const int8_t *input, int8_t *output) {
    const size_t pixel = (size_t)p->pixel;
    for (int32_t y = 0; y < p->height.blocks; y++) {
        const int32_t row = place(&p->height, y, in_block / p->width.block);
        for (int32_t x = 0; x < p->width.blocks; x++, blocks += p->pixel) {
            const int32_t column = place(&p->width, x, in_block % p->width.block);
            const int32_t image =
                ((batch * p->height.image + row) * p->width.image + column) * p->pixel;
            const int inside = row >= 0 && column >= 0;
            if (to_batch && inside) {
                memcpy(output + blocks, input + image, pixel);
            } else if (to_batch) {
                memset(output + blocks, 0, pixel);
            } else if (inside) {
                memcpy(output + image, input + blocks, pixel);
            }
        }
    }
    return blocks;
}

void nn_blocks(const nn_blocks_t *params, int32_t to_batch, const void *input, void *output) {
    int32_t blocks = 0;
    for (int32_t in_block = 0; in_block < params->height.block * params->width.block; in_block++) {
        for (int32_t batch = 0; batch < params->batch; batch++) {
            blocks = move(params, to_batch, batch, in_block, blocks, input, output);
        }
    }
}
