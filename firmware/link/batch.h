/*
 * Several inferences for one request, with the inputs and the results in a queue in RAM, which a
 * debugger writes and reads. Only with LINK_BATCH. docs/link.md describes the queue.
 */
#ifndef LINK_BATCH_H
#define LINK_BATCH_H

#include "link.h"

typedef struct {
    uint32_t error;  /* 0, or why the batch ended early: an ERROR code, */
    uint32_t detail; /* and its detail */
} batch_t;

/* Returns how many inputs fit the queue. */
uint32_t batch_capacity(const link_device_t *device);

/* Runs the first `count` inputs in the queue, and puts the results in their place. */
batch_t batch_run(const link_device_t *device, uint32_t count);

#endif
