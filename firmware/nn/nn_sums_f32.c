/*
 * Source: TFLM, tensorflow/lite/kernels/internal/reference/add_n.h, cumsum.h, reduce.h,
 * arg_min_max.h and pooling.h.
 */
#include "nn_kernels.h"

#include "nn_real.h"

void nn_add_n_f32(int32_t count, const float *const *inputs, int32_t size, float *output) {
    for (int32_t i = 0; i < size; i++) {
        float sum = 0.0F;
        for (int32_t j = 0; j < count; j++) {
            sum += inputs[j][i];
        }
        output[i] = sum;
    }
}

void nn_cumsum_f32(const nn_line_t *line, const float *input, float *output) {
    for (int32_t i = 0; i < line->outer * line->inner; i++) {
        int32_t at = (i / line->inner) * line->size * line->inner + i % line->inner;
        int32_t step = line->inner;
        if (line->reverse) {
            at += (line->size - 1) * step;
            step = -step;
        }
        float sum = 0.0F;
        for (int32_t j = 0; j < line->size; j++, at += step) {
            const float before = sum;
            sum += input[at];
            output[at] = line->exclusive ? before : sum;
        }
    }
}

void nn_arg_max_f32(int32_t sign, int32_t outer, int32_t size, int32_t inner, const float *input,
                    int32_t *output) {
    const float factor = (float)sign;
    for (int32_t i = 0; i < outer * inner; i++) {
        const float *values = input + (i / inner) * size * inner + i % inner;
        int32_t best = 0;
        for (int32_t j = 1; j < size; j++) {
            best = factor * values[j * inner] > factor * values[best * inner] ? j : best;
        }
        output[i] = best;
    }
}

typedef float (*reducer_t)(float result, float value);

static float sum_of(float result, float value) {
    return value + result;
}

static float greater(float result, float value) {
    return value > result ? value : result;
}

static float lesser(float result, float value) {
    return value < result ? value : result;
}

static float reduced_to(reducer_t reducer, float start, const nn_loops_t *loops,
                        const float *input) {
    float result = start;
    nn_place_t place = {0};
    do {
        const float *value = input + place.first;
        for (int32_t i = 0; i < loops->size[0]; i++, value += loops->first[0]) {
            result = reducer(result, *value);
        }
    } while (nn_next(loops, &place));
    return result;
}

static void reduce(reducer_t reducer, float start, const nn_loops_t *kept,
                   const nn_loops_t *reduced, const float *input, float *output) {
    nn_place_t place = {0};
    do {
        const float *first = input + place.first;
        for (int32_t i = 0; i < kept->size[0]; i++, first += kept->first[0]) {
            *output++ = reduced_to(reducer, start, reduced, first);
        }
    } while (nn_next(kept, &place));
}

void nn_sum_f32(float divisor, const nn_loops_t *kept, const nn_loops_t *reduced,
                const float *input, float *output) {
    float *result = output;
    reduce(sum_of, 0.0F, kept, reduced, input, output);
    if (divisor == 1.0F) {
        return;
    }
    int32_t size = 1;
    for (int32_t axis = 0; axis < kept->rank; axis++) {
        size *= kept->size[axis];
    }
    for (int32_t i = 0; i < size; i++) {
        result[i] /= divisor;
    }
}

#define GREATEST 3.40282347e38F

void nn_reduce_max_f32(const nn_loops_t *kept, const nn_loops_t *reduced, const float *input,
                       float *output) {
    reduce(greater, -GREATEST, kept, reduced, input, output);
}

void nn_reduce_min_f32(const nn_loops_t *kept, const nn_loops_t *reduced, const float *input,
                       float *output) {
    reduce(lesser, GREATEST, kept, reduced, input, output);
}

/* The root of the mean square in the window around output (y, x) of one channel. */
static float root_mean_square(const nn_side_t *height, const nn_side_t *width, int32_t depth,
                              int32_t y, int32_t x, const float *input) {
    const int32_t top = y * height->stride - height->before;
    const int32_t left = x * width->stride - width->before;
    float sum = 0.0F;
    int32_t count = 0;
    for (int32_t row = top < 0 ? 0 : top; row < top + height->window && row < height->input;
         row++) {
        for (int32_t column = left < 0 ? 0 : left;
             column < left + width->window && column < width->input; column++) {
            const float value = input[(row * width->input + column) * depth];
            sum += value * value;
            count++;
        }
    }
    return nn_sqrt(sum / (float)count);
}

void nn_l2_pool_f32(const nn_side_t *height, const nn_side_t *width, int32_t batches, int32_t depth,
                    float least, float greatest, const float *input, float *output) {
    for (int32_t batch = 0; batch < batches; batch++) {
        for (int32_t y = 0; y < height->output; y++) {
            for (int32_t x = 0; x < width->output; x++) {
                for (int32_t channel = 0; channel < depth; channel++) {
                    const float root =
                        root_mean_square(height, width, depth, y, x, input + channel);
                    *output++ = nn_clamp_f32(root, least, greatest);
                }
            }
        }
        input += height->input * width->input * depth;
    }
}
