/*
 * A stand-in for tests: the largest value without its sign.
 */
#ifndef LOUDEST_H
#define LOUDEST_H

#include <stddef.h>

extern "C" float larger(float one, float other);

namespace standin {
float loudest(const float *values, size_t count);
}

#endif
