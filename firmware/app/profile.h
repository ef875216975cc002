/*
 * The ticks of each layer, in a profiled image.
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <stdint.h>

/* The ticks of the hook itself, and then of each layer including the hook at its end. */
extern uint32_t profile[1U + NN_LAYERS];

/* Measures the cost of the hook. */
void profile_init(void);

/* Replaces nn_invoke() in a profiled image. */
int profile_invoke(void);

#endif
