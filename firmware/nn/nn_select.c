#include "nn_kernels.h"

#include <string.h>

void nn_select(const nn_loops_t *loops, int32_t width, const int8_t *condition, const void *from,
               void *output) {
    int8_t *target = output;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *taken = condition + place.first;
        const int8_t *source = (const int8_t *)from + place.second;
        for (int32_t i = 0; i < size; i++, taken += step1, source += step2, target += width) {
            if (*taken) {
                memcpy(target, source, (size_t)width);
            }
        }
    } while (nn_next(loops, &place));
}
