/*
 * The layer hook of a profiled image: takes down the ticks since the hook before.
 */
#include "profile.h"

#include "nn.h"
#include "port.h"

uint32_t profile[1U + NN_LAYERS];
static uint32_t last; /* reading of the counter */

/* The same function for every layer, not inlined: what it costs is the same, too. */
__attribute__((noinline)) void nn_layer_done(uint32_t layer) {
    uint32_t now = port_ticks();
    profile[1U + layer] = now - last;
    last = now;
}

/* Two calls, one after the other: between their readings lies one hook and nothing else. */
void profile_init(void) {
    nn_layer_done(0);
    nn_layer_done(0);
    profile[0] = profile[1];
    profile[1] = 0;
}

int profile_invoke(void) {
    nn_layer_done(0); /* begins the first layer, which writes its own ticks there */
    return nn_invoke();
}
