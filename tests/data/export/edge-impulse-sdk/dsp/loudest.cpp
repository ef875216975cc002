/*
 * A stand-in for tests: a source that the impulse needs, and that needs another one.
 */
#include "edge-impulse-sdk/dsp/loudest.h"

#include <math.h>

namespace standin {

float loudest(const float *values, size_t count) {
    float most = 0.0f;
    for (size_t i = 0; i < count; i++) {
        most = larger(most, fabsf(values[i]));
    }
    return most;
}

} // namespace standin
