#include "nn_kernels.h"

#include <string.h>

int nn_gather(const nn_gather_params_t *params, const int32_t *indices, const void *input,
              void *output) {
    const nn_gather_params_t *p = params;
    const int8_t *row = input;
    int8_t *target = output;
    for (int32_t i = 0; i < p->batch * p->outer; i++, row += p->size * p->width) {
        const int32_t *wanted = indices + i / p->outer * p->indices;
        for (int32_t j = 0; j < p->indices; j++, target += p->width) {
            if (wanted[j] < 0 || wanted[j] >= p->size) {
                return 1;
            }
            memcpy(target, row + wanted[j] * p->width, (size_t)p->width);
        }
    }
    return 0;
}
