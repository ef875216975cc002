/*
 * Source of the arithmetic: TFLM,
 * tensorflow/lite/kernels/internal/reference/integer_ops/pooling.h, AveragePool and MaxPool for
 * int16.
 */
#include "nn_fixed.h"
#include "nn_windows.h"

typedef int32_t reduce_t(const nn_pool_s16_params_t *p, const nn_span_t *rows,
                         const nn_span_t *columns, const int16_t *input);

static int32_t average(const nn_pool_s16_params_t *p, const nn_span_t *rows,
                       const nn_span_t *columns, const int16_t *input) {
    const int32_t count = (rows->end - rows->first) * (columns->end - columns->first);
    int32_t sum = 0;
    for (int32_t y = rows->first; y < rows->end; y++) {
        const int32_t start = (rows->origin + y) * p->width.input + columns->origin;
        for (int32_t x = columns->first; x < columns->end; x++) {
            sum += input[(start + x) * p->depth];
        }
    }
    return (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
}

static int32_t greatest(const nn_pool_s16_params_t *p, const nn_span_t *rows,
                        const nn_span_t *columns, const int16_t *input) {
    int32_t max = INT16_MIN;
    for (int32_t y = rows->first; y < rows->end; y++) {
        const int32_t start = (rows->origin + y) * p->width.input + columns->origin;
        for (int32_t x = columns->first; x < columns->end; x++) {
            const int32_t value = input[(start + x) * p->depth];
            max = value > max ? value : max;
        }
    }
    return max;
}

static inline void pool_image(const nn_pool_s16_params_t *p, reduce_t *reduce, const int16_t *input,
                              int16_t *output) {
    const int32_t pixels = p->height.output * p->width.output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const nn_span_t rows = nn_span(&p->height, pixel / p->width.output);
        const nn_span_t columns = nn_span(&p->width, pixel % p->width.output);
        for (int32_t channel = 0; channel < p->depth; channel++) {
            const int32_t value = reduce(p, &rows, &columns, input + channel);
            *output++ = (int16_t)nn_clamp(value, p->activation_min, p->activation_max);
        }
    }
}

static inline void pool(const nn_pool_s16_params_t *p, reduce_t *reduce, const int16_t *input,
                        int16_t *output) {
    for (int32_t image = 0; image < p->images; image++) {
        pool_image(p, reduce, input, output);
        input += p->height.input * p->width.input * p->depth;
        output += p->height.output * p->width.output * p->depth;
    }
}

void nn_average_pool_s16(const nn_pool_s16_params_t *params, const int16_t *input,
                         int16_t *output) {
    pool(params, average, input, output);
}

void nn_max_pool_s16(const nn_pool_s16_params_t *params, const int16_t *input, int16_t *output) {
    pool(params, greatest, input, output);
}
