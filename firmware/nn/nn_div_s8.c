/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/div.h, DivElementwise.
 */
#include "nn_kernels.h"

#include "nn_fixed_functions.h"

/*
 * nn_rounding_shift_right() by 0 to 63 bits. TFLM does not define more than 31; this is what its
 * code does on x86, where golden outputs are computed.
 */
static int32_t shift_right(int32_t x, int32_t exponent) {
    if (exponent <= 31) {
        return nn_rounding_shift_right(x, (int)exponent);
    }
    return (x >> (exponent & 31)) + (x >= 0 ? 1 : 0);
}

/* x / y for y > 0, scaled by the factor of `output`. */
static int32_t scaled_quotient(const nn_result_t *output, int32_t x, int32_t y) {
    const int zeros = nn_leading_zeros((uint32_t)y);
    const int32_t inverse =
        nn_one_over_one_plus((int32_t)(((uint32_t)y << zeros) - (UINT32_C(1) << 31)));
    /* Bits between the sign and the first digit; x has nine bits at most. */
    const int headroom = nn_leading_zeros((uint32_t)(x < 0 ? ~x : x)) - 1;
    const int32_t quotient = nn_high_mul((int32_t)((uint32_t)x << headroom), inverse);
    const int32_t right = 31 - zeros + headroom - output->shift;
    return shift_right(nn_high_mul(quotient, output->multiplier), right);
}

int nn_div_s8(const nn_mul_params_t *params, const nn_loops_t *loops, const int8_t *first,
              const int8_t *second, int8_t *output) {
    const nn_mul_params_t p = *params;
    const int32_t size = loops->size[0], step1 = loops->first[0], step2 = loops->second[0];
    nn_place_t place = {0};
    do {
        const int8_t *a = first + place.first, *b = second + place.second;
        for (int32_t i = 0; i < size; i++, a += step1, b += step2) {
            const int32_t x = p.first_offset + *a, y = p.second_offset + *b;
            if (y == 0) {
                return 1;
            }
            const int32_t value =
                y < 0 ? scaled_quotient(&p.output, -x, -y) : scaled_quotient(&p.output, x, y);
            *output++ =
                (int8_t)nn_clamp(value + p.output.offset, p.activation_min, p.activation_max);
        }
    } while (nn_next(loops, &place));
    return 0;
}
