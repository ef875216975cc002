#include "nn_kernels.h"

#include <string.h>

int nn_gather_nd(const nn_gather_nd_params_t *params, const int32_t *indices, const void *input,
                 void *output) {
    const nn_gather_nd_params_t *p = params;
    int8_t *target = output;
    for (int32_t i = 0; i < p->slices; i++, target += p->width) {
        /* In 64 bits: an index may have any value. */
        int64_t offset = 0;
        for (int32_t j = 0; j < p->depth; j++) {
            offset += (int64_t)*indices++ * p->step[j];
        }
        if (offset < 0 || offset + p->width > p->size) {
            return 1;
        }
        memcpy(target, (const int8_t *)input + offset, (size_t)p->width);
    }
    return 0;
}
