#include "nn_kernels.h"

#include <string.h>

void nn_resize_nearest(const uint16_t *rows, int32_t height, const uint16_t *columns, int32_t width,
                       int32_t row_size, int32_t pixel_size, const void *input, void *output) {
    int8_t *pixel = output;
    for (int32_t y = 0; y < height; y++) {
        const int8_t *row = (const int8_t *)input + rows[y] * row_size;
        for (int32_t x = 0; x < width; x++) {
            memcpy(pixel, row + columns[x] * pixel_size, (size_t)pixel_size);
            pixel += pixel_size;
        }
    }
}
