#include "nn_kernels.h"

#include <string.h>

void nn_fill_s8(int8_t value, int32_t size, int8_t *output) {
    memset(output, value, (size_t)size);
}
