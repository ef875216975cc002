#include "nn_kernels.h"

#include <string.h>

void nn_copy(const nn_loops_t *loops, int32_t width, const void *from, void *to) {
    const int32_t size = loops->size[0], from_step = loops->first[0], to_step = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *source = (const int8_t *)from + place.first;
        int8_t *target = (int8_t *)to + place.second;
        for (int32_t i = 0; i < size; i++, source += from_step, target += to_step) {
            if (width == 1) {
                *target = *source;
            } else {
                memcpy(target, source, (size_t)width);
            }
        }
    } while (nn_next(loops, &place));
}
