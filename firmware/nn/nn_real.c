/*
 * Exponential, logarithm, sine and their relatives by series, in double precision: the result has
 * about 48 bits, and is then rounded to the 24 of a float.
 */
#include "nn_real.h"

#define LN_2 0.6931471805599453
#define SQRT_2 1.4142135623730951

/* 2^k for a k of a normal number. */
static double power_of_2(int32_t k) {
    const uint64_t bits = (uint64_t)(k + 1023) << 52;
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

/* The polynomial with coefficients from the highest to the lowest. */
static double polynomial(const double *coefficients, int32_t count, double x) {
    double sum = coefficients[0];
    for (int32_t i = 1; i < count; i++) {
        sum = sum * x + coefficients[i];
    }
    return sum;
}

/* 2^(i / 32). */
static const double roots[] = {
    1.0,
    1.0218971486541166,
    1.0442737824274138,
    1.0671404006768237,
    1.0905077326652577,
    1.1143867425958924,
    1.1387886347566916,
    1.1637248587775775,
    1.189207115002721,
    1.215247359980469,
    1.241857812073484,
    1.2690509571917332,
    1.2968395546510096,
    1.3252366431597413,
    1.3542555469368927,
    1.383909881963832,
    1.4142135623730951,
    1.4451808069770467,
    1.4768261459394993,
    1.5091644275934228,
    1.5422108254079407,
    1.5759808451078865,
    1.6104903319492543,
    1.645755478153965,
    1.681792830507429,
    1.718619298122478,
    1.7562521603732995,
    1.7947090750031072,
    1.8340080864093424,
    1.8741676341103,
    1.9152065613971474,
    1.9571441241754002,
};

#define ROOTS 32
#define ROOTS_PER_LN_2 46.16624130844683 /* ROOTS / ln(2) */

/* ln(2) / ROOTS in two parts: a multiple of the first, with few bits, is exact. */
#define STEP_HIGH (0.6931471803691238 / ROOTS)
#define STEP_LOW (1.9082149292705877e-10 / ROOTS)

/* exp(x - k * ln(2) / ROOTS) - 1 for the nearest k: so few coefficients do, 1/n! from 1/6! on. */
static double exp_rest(double x, int32_t *k) {
    static const double coefficients[] = {1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0};
    const double scaled = x * ROOTS_PER_LN_2;
    *k = (int32_t)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
    const double rest = (x - *k * STEP_HIGH) - *k * STEP_LOW;
    return rest * polynomial(coefficients, 6, rest);
}

/* x * 2^(k / ROOTS), for a normal result. */
static double times_root(double x, int32_t k) {
    const int32_t root = k & (ROOTS - 1);
    return x * roots[root] * power_of_2((k - root) / ROOTS);
}

/* exp(x) - 1 for |x| < 200. */
static double expm1_f64(double x) {
    int32_t k;
    const double rest = exp_rest(x, &k);
    return k == 0 ? rest : times_root(rest + 1.0, k) - 1.0;
}

float nn_exp(float x) {
    if (!(x < 89.0F)) {
        return x != x ? x : NN_INFINITY;
    }
    if (x < -104.0F) {
        return 0.0F;
    }
    int32_t k;
    const double rest = exp_rest(x, &k);
    return (float)times_root(rest + 1.0, k);
}

double nn_exp_f64(double x) {
    if (!(x < 709.78)) {
        return x != x ? x : (double)NN_INFINITY;
    }
    if (x < -700.0) {
        return 0.0;
    }
    int32_t k;
    const double rest = exp_rest(x, &k);
    /* The power alone may be too large. */
    return times_root(rest + 1.0, k - ROOTS) * 2.0;
}

float nn_expm1(float x) {
    if (!(x < 89.0F)) {
        return x != x ? x : NN_INFINITY;
    }
    return x < -104.0F ? -1.0F : x == 0.0F ? x : (float)expm1_f64(x);
}

float nn_tanh(float x) {
    if (x != x || x == 0.0F) {
        return x;
    }
    if (nn_abs(x) > 10.0F) {
        return x > 0.0F ? 1.0F : -1.0F;
    }
    const double grown = expm1_f64(2.0 * (double)x);
    return (float)(grown / (grown + 2.0));
}

float nn_log(float x) {
    if (x != x || x == NN_INFINITY) {
        return x;
    }
    if (x <= 0.0F) {
        return x == 0.0F ? -NN_INFINITY : NN_NAN;
    }
    const double wide = x;
    uint64_t bits;
    memcpy(&bits, &wide, sizeof(bits));
    int32_t exponent = (int32_t)(bits >> 52) - 1023;
    double mantissa = wide * power_of_2(-exponent);
    if (mantissa > SQRT_2) {
        mantissa /= 2.0;
        exponent++;
    }
    /* log(m) = 2 artanh(s) with s = (m - 1) / (m + 1): s^(2n) / (2n + 1). */
    static const double coefficients[] = {1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                          1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};
    const double s = (mantissa - 1.0) / (mantissa + 1.0);
    return (float)(exponent * LN_2 + 2.0 * s * polynomial(coefficients, 10, s * s));
}

static double sine(double x) {
    static const double coefficients[] = {
        -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880,
        -1.0 / 5040,          1.0 / 120,        -1.0 / 6,        1.0};
    return x * polynomial(coefficients, 8, x * x);
}

static double cosine(double x) {
    static const double coefficients[] = {
        -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
        -1.0 / 720,         1.0 / 24,        -1.0 / 2,       1.0};
    return polynomial(coefficients, 8, x * x);
}

/* The 24 digits of a finite |x| as a whole number, which times 2^exponent is |x|; x is not 0. */
static uint32_t split(float x, int32_t *exponent) {
    const uint32_t bits = nn_bits(x) & INT32_MAX;
    *exponent = (int32_t)(bits >> 23) - 150;
    if (bits >> 23) {
        return (bits & 0x7FFFFF) | 0x800000;
    }
    uint32_t whole = bits;
    for (*exponent = -149; whole < 0x800000; --*exponent) {
        whole <<= 1;
    }
    return whole;
}

/* The fraction of 2 / pi in binary digits. */
static const uint32_t two_over_pi[] = {0xA2F9836E, 0x4E441529, 0xFC2757D1, 0xF534DDC0,
                                       0xDB629599, 0x3C439041, 0xFE5163AB, 0xDEBBC561};

/* 32 digits of 2 / pi, the first of them worth 2^-(skipped + 1). */
static uint32_t digits(int32_t skipped) {
    if (skipped < 0) {
        return skipped <= -32 ? 0 : two_over_pi[0] >> -skipped;
    }
    const uint32_t *word = two_over_pi + skipped / 32;
    const int32_t shift = skipped % 32;
    return shift ? word[0] << shift | word[1] >> (32 - shift) : word[0];
}

/*
 * |x| in quarter turns, x = m * 2^exponent: the whole ones modulo 4, and the rest from -1/2 to 1/2.
 * Digits of 2 / pi that only make whole turns are left out.
 */
static double quarters(float x, uint32_t *whole) {
    int32_t exponent;
    const uint64_t m = split(x, &exponent);
    const int32_t skipped = exponent - 2;
    /* In units of 2^-62 quarter turns, modulo 4: the upper product is cut to 64 bits. */
    const uint64_t high = m * digits(skipped) << 32;
    const uint64_t middle = m * digits(skipped + 32);
    const uint64_t low = m * digits(skipped + 64) >> 32;
    const uint64_t sum = high + middle + low + (UINT64_C(1) << 61);
    *whole = (uint32_t)(sum >> 62);
    const int64_t half = (int64_t)1 << 61;
    return (double)((int64_t)(sum & ((UINT64_C(1) << 62) - 1)) - half) * power_of_2(-62);
}

#define HALF_PI 1.5707963267948966

/* The sine of x plus `shift` quarter turns. */
static float shifted_sine(float x, uint32_t shift) {
    if (!(nn_abs(x) < NN_INFINITY)) {
        return NN_NAN;
    }
    uint32_t turns = 0;
    double rest = nn_abs(x);
    if (rest > 0.5) {
        rest = quarters(x, &turns) * HALF_PI;
    }
    if (x < 0.0F) {
        turns = 0U - turns;
        rest = -rest;
    }
    turns += shift;
    const double value = turns & 1 ? cosine(rest) : sine(rest);
    return (float)(turns & 2 ? -value : value);
}

float nn_sin(float x) {
    return x == 0.0F ? x : shifted_sine(x, 0);
}

float nn_cos(float x) {
    return shifted_sine(x, 1);
}

float nn_sqrt(float x) {
    if (x != x || x == NN_INFINITY || x == 0.0F) {
        return x;
    }
    if (x < 0.0F) {
        return NN_NAN;
    }
    int32_t exponent;
    uint64_t rest = split(x, &exponent);
    /* An even exponent, and 50 or 49 bits: the root has 25. */
    const int32_t shift = 25 + (exponent & 1 ? 0 : 1);
    rest <<= shift;
    uint32_t root = 0;
    for (uint32_t bit = 1U << 24; bit; bit >>= 1) {
        const uint64_t tried = (uint64_t)(2 * root + bit) * bit;
        if (tried <= rest) {
            rest -= tried;
            root += bit;
        }
    }
    /* A root is never in the middle between two floats. */
    return (float)((root + 1) / 2) * (float)power_of_2((exponent - shift) / 2 + 1);
}

float nn_remainder(float a, float b) {
    if (!(nn_abs(a) < NN_INFINITY) || b != b || b == 0.0F) {
        return NN_NAN;
    }
    if (nn_abs(a) < nn_abs(b) || a == 0.0F) {
        return a;
    }
    int32_t of_a, of_b;
    uint32_t rest = split(a, &of_a);
    const uint32_t divisor = split(b, &of_b);
    for (int32_t i = of_a; i > of_b; i--) {
        rest = (rest >= divisor ? rest - divisor : rest) << 1;
    }
    rest = rest >= divisor ? rest - divisor : rest;
    const float size = (float)((double)rest * power_of_2(of_b));
    return nn_bits(a) >> 31 ? -size : size;
}
