/*
 * Source: TFLM, tensorflow/lite/micro/kernels/cast.cc. A whole number is cut to the bits of its new
 * type. A real number that does not fit gives the nearest that fits, and what is not a number 0: so
 * does the package tflite-micro; the published source leaves this to the compiler.
 */
#include "nn_kernels.h"

#define TWO_TO_31 2147483648.0F
#define TWO_TO_32 4294967296.0F

static int32_t whole(float x, int32_t least, int32_t greatest) {
    if (x != x) {
        return 0;
    }
    if (x < -TWO_TO_31) {
        return least;
    }
    const int32_t value = x < TWO_TO_31 ? (int32_t)x : INT32_MAX;
    return value < least ? least : value > greatest ? greatest : value;
}

static uint32_t natural(float x) {
    if (!(x > 0.0F)) {
        return 0;
    }
    return x < TWO_TO_32 ? (uint32_t)x : UINT32_MAX;
}

static uint32_t from_real(nn_type_t to, float x) {
    switch (to) {
    case NN_S8:
        return (uint32_t)whole(x, INT8_MIN, INT8_MAX);
    case NN_S16:
        return (uint32_t)whole(x, INT16_MIN, INT16_MAX);
    case NN_U32:
        return natural(x);
    default:
        return (uint32_t)whole(x, INT32_MIN, INT32_MAX);
    }
}

static uint32_t load(nn_type_t from, nn_type_t to, const void *input, int32_t i) {
    switch (from) {
    case NN_S8:
        return (uint32_t)((const int8_t *)input)[i];
    case NN_S16:
        return (uint32_t)((const int16_t *)input)[i];
    case NN_F32:
        return from_real(to, ((const float *)input)[i]);
    default:
        return ((const uint32_t *)input)[i];
    }
}

void nn_cast(nn_type_t from, nn_type_t to, int32_t size, const void *input, void *output) {
    for (int32_t i = 0; i < size; i++) {
        const uint32_t value = load(from, to, input, i);
        switch (to) {
        case NN_S8:
            ((int8_t *)output)[i] = (int8_t)value;
            break;
        case NN_S16:
            ((int16_t *)output)[i] = (int16_t)value;
            break;
        case NN_F32:
            ((float *)output)[i] = from == NN_U32 ? (float)value : (float)(int32_t)value;
            break;
        default:
            ((uint32_t *)output)[i] = value;
        }
    }
}
