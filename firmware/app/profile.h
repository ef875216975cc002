/*
 * Ticks a layer, in a profiled image.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

/* Ticks of the hook itself, then those of each layer with the hook at its end. */
extern uint32_t profile[1U + NN_LAYERS];

/* Measures what the hook costs. */
void profile_init(void);

/* nn_invoke() of a profiled image. */
int profile_invoke(void);

#endif
