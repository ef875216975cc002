/*
 * What porting.cc tells the adapter.
 */
#ifndef PORTING_H
#define PORTING_H

#include <stdint.h>

/* Bytes of heap that were in use at most; 0 where the C library does not tell. */
uint32_t porting_heap_used(void);

/* What the SDK printed last. */
const char *porting_said(void);

#ifdef NN_LAYER_HOOK
/* Begins an inference. */
void porting_begin(void);

/* Finds which of the SDK's reads of the timer, in the inference before, were the ends of DSP and
 * of inference, by the ticks that it said these took; from now on they are marked. False if none
 * of the differences is what it said. */
bool porting_learn_stages(uint32_t dsp, uint32_t inference);
#else
static inline void porting_begin(void) {
}
#endif

#endif
