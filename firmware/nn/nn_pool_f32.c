/*
 * Source of the arithmetic: TFLM, tensorflow/lite/kernels/internal/reference/pooling.h, AveragePool
 * and MaxPool for float.
 */
#include "nn_real.h"
#include "nn_windows.h"

#define LOWEST (-3.40282347e38F)

typedef float reduce_t(const nn_pool_f32_params_t *p, const nn_span_t *rows,
                       const nn_span_t *columns, const float *input);

static float average(const nn_pool_f32_params_t *p, const nn_span_t *rows, const nn_span_t *columns,
                     const float *input) {
    const int32_t count = (rows->end - rows->first) * (columns->end - columns->first);
    float sum = 0.0F;
    for (int32_t y = rows->first; y < rows->end; y++) {
        const int32_t start = (rows->origin + y) * p->width.input + columns->origin;
        for (int32_t x = columns->first; x < columns->end; x++) {
            sum += input[(start + x) * p->depth];
        }
    }
    return sum / (float)count;
}

/* What is not a number is passed over. */
static float greatest(const nn_pool_f32_params_t *p, const nn_span_t *rows,
                      const nn_span_t *columns, const float *input) {
    float most = LOWEST;
    for (int32_t y = rows->first; y < rows->end; y++) {
        const int32_t start = (rows->origin + y) * p->width.input + columns->origin;
        for (int32_t x = columns->first; x < columns->end; x++) {
            const float value = input[(start + x) * p->depth];
            most = most < value ? value : most;
        }
    }
    return most;
}

static inline void pool(const nn_pool_f32_params_t *p, reduce_t *reduce, const float *input,
                        float *output) {
    for (int32_t image = 0; image < p->images; image++) {
        for (int32_t y = 0; y < p->height.output; y++) {
            const nn_span_t rows = nn_span(&p->height, y);
            for (int32_t x = 0; x < p->width.output; x++) {
                const nn_span_t columns = nn_span(&p->width, x);
                for (int32_t channel = 0; channel < p->depth; channel++) {
                    const float value = reduce(p, &rows, &columns, input + channel);
                    *output++ = nn_clamp_f32(value, p->least, p->greatest);
                }
            }
        }
        input += p->height.input * p->width.input * p->depth;
    }
}

void nn_average_pool_f32(const nn_pool_f32_params_t *params, const float *input, float *output) {
    pool(params, average, input, output);
}

void nn_max_pool_f32(const nn_pool_f32_params_t *params, const float *input, float *output) {
    pool(params, greatest, input, output);
}
