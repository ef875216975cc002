#include "nn_kernels.h"

int nn_checked_lut_s8(const int8_t *table, int32_t least, int32_t size, const int8_t *input,
                      int8_t *output) {
    for (int32_t i = 0; i < size; i++) {
        if (input[i] < least) {
            return 1;
        }
        output[i] = table[(uint8_t)input[i]];
    }
    return 0;
}
