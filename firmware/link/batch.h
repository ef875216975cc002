/*
 * Several inferences for one request, with the inputs and the results in a queue in RAM, which a
 * debugger writes and reads. Only with LINK_BATCH. docs/link.md describes the queue.
 */
#ifndef LINK_BATCH_H
#define LINK_BATCH_H

#include <stdbool.h>

#include "link.h"

/* How many results of the batch are in the queue. If a batch does not end, the host reads it in
 * memory, even after a restart. */
extern volatile uint32_t batch_done;

/* Returns how many inputs fit the queue. */
uint32_t batch_capacity(const link_device_t *device);

/* Copies the next input to the model's. Returns whether its CRC-32, `crc`, is the expected one. */
bool batch_take(const link_device_t *device, uint32_t *crc);

/* Puts a result into the queue; inputs that have been used are overwritten. */
void batch_put(const link_device_t *device, const link_result_t *result);

#endif
