#ifdef LINK_BATCH /* the linker script of other firmware has no queue */

#include "batch.h"

#include <string.h>

#include "frame.h"

#define WORD 4U
#define HEADER_SIZE 20U /* of a result: CRC-32, ticks, coarse, stack, disturbed */

/* Defined by the linker script, as is batch_done: RAM that nothing else uses. */
extern uint8_t queue_start[], queue_end[];

static uint32_t round_up(uint32_t size) {
    return (size + WORD - 1U) / WORD * WORD;
}

static uint32_t result_size(const link_device_t *device) {
    return round_up(HEADER_SIZE + device->output_size);
}

/* Returns the bytes from one input to the next. It is no less than a result, so results can take
 * the place of inputs that have been used. */
static uint32_t stride(const link_device_t *device) {
    uint32_t input = round_up(WORD + device->input_size);
    uint32_t result = result_size(device);
    return input > result ? input : result;
}

uint32_t batch_capacity(const link_device_t *device) {
    return (uint32_t)(queue_end - queue_start) / stride(device);
}

bool batch_take(const link_device_t *device, uint32_t *crc) {
    const uint8_t *slot = queue_start + batch_done * stride(device);
    uint32_t expected;
    memcpy(&expected, slot, sizeof(expected));
    memcpy(device->input, slot + WORD, device->input_size);
    *crc = frame_crc(device->input, device->input_size);
    return *crc == expected;
}

void batch_put(const link_device_t *device, const link_result_t *result) {
    uint8_t *place = queue_start + batch_done * result_size(device);
    uint32_t words[] = {0U, result->ticks, result->coarse, result->stack, result->disturbed};
    memcpy(place, words, HEADER_SIZE);
    memcpy(place + HEADER_SIZE, device->output, device->output_size);
    words[0] = frame_crc(place + WORD, HEADER_SIZE - WORD + device->output_size);
    memcpy(place, words, WORD);
    batch_done += 1U;
}
#endif
