/*
 * The functions of porting.cc that the adapter uses.
 */
#ifndef PORTING_H
#define PORTING_H

#include <stdint.h>

/* Returns the peak heap usage in bytes, or 0 if it is unknown. */
uint32_t porting_heap_used(void);

/* Returns the text that the SDK printed last. */
const char *porting_said(void);

#ifdef NN_LAYER_HOOK
/* Starts an inference. */
void porting_begin(void);

/* Finds the reads of the timer at the end of DSP and at the end of inference, from the previous
 * inference: the SDK reports the ticks of both stages. From now on these reads mark the end of a
 * layer. Returns false if no difference between reads equals the reported ticks. */
bool porting_learn_stages(uint32_t dsp, uint32_t inference);
#else
static inline void porting_begin(void) {
}
#endif

#endif
