#include "batch.h"

#include <string.h>

#include "frame.h"
#include "message.h"

#define WORD 4U
#define HEADER_SIZE 20U /* of a result: CRC-32, ticks, coarse, stack, disturbed */

/* Defined by the linker script: RAM that nothing else uses. */
extern uint8_t queue_start[], queue_end[];

/* How many results of the last batch are in the queue. The host reads it in memory if a batch does
 * not end. */
volatile uint32_t batch_done;

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

/* Runs the input at `slot`, and puts the result at `place`, which may overlap `slot`. */
static batch_t run_one(const link_device_t *device, const uint8_t *slot, uint8_t *place) {
    uint32_t expected;
    memcpy(&expected, slot, sizeof(expected));
    memcpy(device->input, slot + WORD, device->input_size);
    uint32_t crc = frame_crc(device->input, device->input_size);
    if (crc != expected) {
        return (batch_t){.error = ERROR_INPUT, .detail = crc};
    }
    link_result_t result = device->run();
    if (result.status != 0) {
        return (batch_t){.error = ERROR_ENGINE, .detail = (uint32_t)result.status};
    }
    uint32_t words[] = {0U, result.ticks, result.coarse, result.stack, result.disturbed};
    memcpy(place, words, HEADER_SIZE);
    memcpy(place + HEADER_SIZE, device->output, device->output_size);
    words[0] = frame_crc(place + WORD, HEADER_SIZE - WORD + device->output_size);
    memcpy(place, words, WORD);
    return (batch_t){0};
}

batch_t batch_run(const link_device_t *device, uint32_t count) {
    const uint8_t *slot = queue_start;
    uint8_t *place = queue_start;
    for (batch_done = 0; batch_done < count; batch_done += 1U) {
        batch_t ended = run_one(device, slot, place);
        if (ended.error != 0U) {
            return ended;
        }
        slot += stride(device);
        place += result_size(device);
    }
    return (batch_t){0};
}
