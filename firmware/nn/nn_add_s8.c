/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/add.h, AddElementwise.
 */
#include "nn_kernels.h"

#include "nn_fixed.h"

/* Head room: offset and value need 9 bits, the sum of two terms one more. */
#define LEFT_SHIFT 20

static int32_t scaled(const nn_term_t *term, int8_t value) {
    const int32_t shifted = (term->offset + value) * (1 << LEFT_SHIFT);
    return nn_scale_down(shifted, term->multiplier, term->shift);
}

void nn_add_s8(const nn_add_params_t *params, const int8_t *first, int32_t size,
               const int8_t *second, int32_t second_size, int8_t *output) {
    const nn_term_t *out = &params->output;
    for (int32_t start = 0; start < size; start += second_size) {
        for (int32_t i = 0; i < second_size; i++) {
            const int32_t sum =
                scaled(&params->first, first[start + i]) + scaled(&params->second, second[i]);
            const int32_t value = nn_scale_down(sum, out->multiplier, out->shift) + out->offset;
            output[start + i] =
                (int8_t)nn_clamp(value, params->activation_min, params->activation_max);
        }
    }
}
