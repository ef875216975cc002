/*
 * The layer hook of a profiled image: it records the ticks since the previous hook.
 */
#include "profile.h"

#include "nn.h"
#include "port.h"

uint32_t profile[1U + NN_LAYERS];
static uint32_t last; /* the previous reading of the counter */

/* It is not inlined, so its cost is the same for every layer. */
__attribute__((noinline)) void nn_layer_done(uint32_t layer) {
    uint32_t now = port_ticks();
    profile[1U + layer] = now - last;
    last = now;
}

/* Between the readings of two successive calls lies exactly one hook. */
void profile_init(void) {
    nn_layer_done(0);
    nn_layer_done(0);
    profile[0] = profile[1];
    profile[1] = 0;
}

int profile_invoke(void) {
    nn_layer_done(0); /* the first layer starts here and later overwrites this entry */
    return nn_invoke();
}
