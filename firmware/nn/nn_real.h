/*
 * Functions of real numbers, without the C library: some toolchains have none, and others differ
 * in the last bit. These give the same bits on every core.
 */
#ifndef NN_REAL_H
#define NN_REAL_H

#include <stdint.h>
#include <string.h>

/*
 * A product and a sum must not become one operation with one rounding. Helium's vectors take
 * numbers below 2^-126 for 0, so loops must stay scalar. (Clang needs options for that.)
 */
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off", "no-tree-vectorize")
#endif

#define NN_INFINITY __builtin_inff()

static inline uint32_t nn_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static inline float nn_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* What is not a number, with the bits that x86 gives it. */
#define NN_NAN nn_from_bits(0xFFC00000)

static inline float nn_abs(float x) {
    return nn_from_bits(nn_bits(x) & INT32_MAX);
}

/* What is not a number stays that. */
static inline float nn_clamp_f32(float x, float least, float greatest) {
    const float lifted = x < least ? least : x;
    return greatest < lifted ? greatest : lifted;
}

/* From 2^23 on, and for what is not a number: there is no fraction. */
static inline int nn_is_whole(float x) {
    return !(nn_abs(x) < 8388608.0F);
}

/* The greatest whole number that is not above x; keeps the sign of 0. */
static inline float nn_floor(float x) {
    if (nn_is_whole(x) || x == 0.0F) {
        return x;
    }
    const float whole = (float)(int32_t)x;
    return whole > x ? whole - 1.0F : whole;
}

static inline double nn_floor_f64(double x) {
    /* From 2^52 on, all numbers are whole. */
    if (!(x > -4503599627370496.0 && x < 4503599627370496.0) || x == 0.0) {
        return x;
    }
    const double whole = (double)(int64_t)x;
    return whole > x ? whole - 1.0 : whole;
}

/* The exact rest of a / b with the sign of a, digit by digit, as C's fmodf(). */
float nn_remainder(float a, float b);

/* The nearest number, as C's sqrtf(). */
float nn_sqrt(float x);

/* The nearest number, but for about one in a million arguments. */
float nn_exp(float x);
double nn_exp_f64(double x); /* has 51 bits */
float nn_expm1(float x);
float nn_log(float x);
float nn_sin(float x);
float nn_cos(float x);
float nn_tanh(float x);

#endif
