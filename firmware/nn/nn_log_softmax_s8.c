/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/log_softmax.h, LogSoftmaxQuantized, and
 * internal/common.h, log_x_for_x_greater_than_or_equal_to_1_impl.
 *
 * Qm.n: m integer bits, n = 31 - m fractional bits, one sign bit.
 */
#include "nn_kernels.h"

#include "nn_fixed_functions.h"

#define SUM_INTEGER_BITS 12 /* the sum of exponentials is Q12.19 */
#define OUTPUT_SHIFT 22     /* from Q5.26 to the output's scale, 2^-4 */

/* a + b, saturating. */
static int32_t saturating_sum(int32_t a, int32_t b) {
    const int64_t sum = (int64_t)a + b;
    return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int32_t)sum;
}

/* x / 2^(1/4), nearly, for x near 1: log(x) by a rational function, in Q6.25. */
static int32_t log_of_mantissa(int32_t r) {
    const int32_t root4_of_half = 1805811301;
    const int32_t alpha_n = 117049297;  /* 11 / 240 * 2^(1/4) */
    const int32_t alpha_d = 127690142;  /* 1 / 20 * 2^(1/4) */
    const int32_t alpha_i = 1057819769; /* 2 / 2^(1/4) - 2^(1/4) */
    const int32_t alpha_f = 638450708;  /* 1 / 4 * 2^(1/4) */
    const int64_t whole = (int64_t)r + root4_of_half;
    const int32_t p = (int32_t)((whole + (whole >= 0 ? 1 : -1)) / 2);
    const int32_t q = (r - root4_of_half) * 2;
    const int32_t square = nn_high_mul(q, q);
    const int32_t numerator = nn_high_mul(q, r) + nn_high_mul(nn_high_mul(q, square), alpha_n);
    const int32_t denominator =
        nn_high_mul(p, alpha_i + q + nn_high_mul(alpha_d, square)) + nn_high_mul(alpha_f, q);
    return nn_high_mul(nn_rounding_shift_right(numerator, 6), nn_one_over_one_plus(denominator));
}

/* log(x) in Q5.26 for x >= 1 in Q12.19. */
static int32_t logarithm(int32_t x) {
    const int32_t log_2 = 1488522236, sqrt_half = 1518500250, quarter = 1 << 23; /* Q6.25 */
    const int zeros = nn_leading_zeros((uint32_t)x);
    const int32_t aligned = nn_saturating_shift_left(x, zeros - 1);
    const int32_t r_a = nn_saturating_shift_left(nn_high_mul(aligned, sqrt_half), 1);
    const int32_t power_a = saturating_sum((SUM_INTEGER_BITS - zeros) * (1 << 25), quarter);
    const int headroom = nn_leading_zeros((uint32_t)nn_high_mul(x, sqrt_half)) - 1;
    const int32_t r_b = nn_saturating_shift_left(x, headroom);
    const int32_t power_b = saturating_sum((SUM_INTEGER_BITS - headroom) * (1 << 25), -quarter);
    const int32_t r = r_a < r_b ? r_a : r_b;
    const int32_t power = power_a > power_b ? power_a : power_b;
    return nn_saturating_shift_left(nn_high_mul(power, log_2) + log_of_mantissa(r), 1);
}

static int32_t to_q5(const nn_log_softmax_params_t *params, int32_t difference) {
    return nn_scale(difference, params->to_q5.multiplier, params->to_q5.shift);
}

static void log_softmax_row(const nn_log_softmax_params_t *params, int32_t depth,
                            const int8_t *input, int8_t *output) {
    int32_t max = INT8_MIN;
    for (int32_t i = 0; i < depth; i++) {
        max = input[i] > max ? input[i] : max;
    }
    uint32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t difference = input[i] - max;
        if (difference >= params->diff_min) {
            const int32_t value = nn_exp_on_negative(to_q5(params, difference));
            sum += (uint32_t)nn_rounding_shift_right(value, SUM_INTEGER_BITS);
        }
    }
    const int32_t log_sum = logarithm((int32_t)sum);
    const int32_t lowest = (int32_t)((uint32_t)log_sum + (UINT32_C(1) << 31));
    const int32_t scaled_lowest =
        nn_scale(lowest, params->from_q5.multiplier, params->from_q5.shift);
    const int32_t least =
        scaled_lowest > params->diff_min - 1 ? scaled_lowest : params->diff_min - 1;
    for (int32_t i = 0; i < depth; i++) {
        const int32_t difference = input[i] - max;
        int32_t value = INT8_MIN;
        if (difference > least) {
            value = nn_rounding_shift_right(to_q5(params, difference) - log_sum, OUTPUT_SHIFT);
            value = nn_clamp(value + INT8_MAX, INT8_MIN, INT8_MAX);
        }
        output[i] = (int8_t)value;
    }
}

void nn_log_softmax_s8(const nn_log_softmax_params_t *params, int32_t rows, int32_t depth,
                       const int8_t *input, int8_t *output) {
    for (int32_t row = 0; row < rows; row++) {
        log_softmax_row(params, depth, input + row * depth, output + row * depth);
    }
}
