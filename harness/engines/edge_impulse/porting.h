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
/* Begins an inference: the SDK's next reads of the timer are the ends of its stages. */
void porting_begin(void);

/* Whether the ticks between those reads are what the SDK itself says of DSP and inference. */
bool porting_stages_are(uint32_t dsp, uint32_t inference);
#else
static inline void porting_begin(void) {
}
#endif

#endif
