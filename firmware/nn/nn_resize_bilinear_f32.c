/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/resize_bilinear.h, ResizeBilinear.
 */
#include "nn_kernels.h"

#include "nn_real.h"

/* Row `y` of the output from the image `input`; returns the end of the row. */
static float *resize_row(const nn_resize_bilinear_f32_params_t *p, int32_t y, const float *input,
                         float *output) {
    const int32_t depth = p->depth, width = p->columns.input;
    const uint16_t *rows = p->rows.between + 2 * y, *columns = p->columns.between;
    const float *above = input + rows[0] * width * depth;
    const float *below = input + rows[1] * width * depth;
    const float down = p->rows.distance[y], up = 1.0F - down;
    for (int32_t x = 0; x < p->columns.output; x++, columns += 2) {
        const int32_t west = columns[0] * depth, east = columns[1] * depth;
        const float right = p->columns.distance[x], left = 1.0F - right;
        for (int32_t i = 0; i < depth; i++) {
            /* TFLM adds a zero, which changes the sign of -0. */
            *output++ = above[west + i] * up * left + below[west + i] * down * left +
                        above[east + i] * up * right + below[east + i] * down * right + 0.0F;
        }
    }
    return output;
}

void nn_resize_bilinear_f32(const nn_resize_bilinear_f32_params_t *params, const float *input,
                            float *output) {
    const int32_t size = params->rows.input * params->columns.input * params->depth;
    for (int32_t image = 0; image < params->images; image++, input += size) {
        for (int32_t y = 0; y < params->rows.output; y++) {
            output = resize_row(params, y, input, output);
        }
    }
}
