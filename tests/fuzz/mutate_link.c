/*
 * Changes a line frame by frame. A fuzzer that changes bytes alone would hardly ever get past
 * the CRC: here what is changed is a payload, and its frame is made anew.
 */
#include <string.h>

#include "frame.h"
#include "fuzz_link.h"
#include "message.h"

#define PAYLOAD_CAPACITY 1100U /* more than the device takes */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *line, size_t size, size_t max_size, unsigned int seed);

typedef struct {
    size_t begin, end; /* in the line; `end` is behind the delimiter */
} span_t;

static uint8_t frame[2U * PAYLOAD_CAPACITY];
static size_t frame_size;

static void write_byte(uint8_t byte) {
    frame[frame_size++] = byte;
}

static void encode(const uint8_t *payload, uint32_t size) {
    frame_encoder_t encoder;
    frame_size = 0;
    frame_begin(&encoder, write_byte);
    frame_put(&encoder, payload, size);
    frame_end(&encoder);
}

/* Decodes a frame into `payload`; 0 if it is none. */
static uint32_t decode(const uint8_t *line, span_t span, uint8_t *payload) {
    frame_decoder_t decoder;
    frame_decoder_init(&decoder, payload, PAYLOAD_CAPACITY);
    frame_status_t status = FRAME_MORE;
    for (size_t i = span.begin; i < span.end; i++) {
        status = frame_decode(&decoder, line[i]);
    }
    return status == FRAME_READY ? decoder.length : 0U;
}

/* The frame around byte `at`. */
static span_t frame_at(const uint8_t *line, size_t size, size_t at) {
    span_t span = {at, at};
    while (span.begin > 0U && line[span.begin - 1U] != 0U) {
        span.begin -= 1U;
    }
    while (span.end < size && line[span.end++] != 0U) {
    }
    return span;
}

static void put_u32(uint8_t *bytes, uint32_t value) {
    for (uint32_t i = 0; i < 4U; i++) {
        bytes[i] = (uint8_t)(value >> 8U * i);
    }
}

/* A LOAD that ends where the input does, or a byte or two before or behind; its size. */
static uint32_t load_request(uint8_t *payload, unsigned int seed) {
    uint32_t offset = seed % (INPUT_SIZE + 2U);
    uint32_t count = INPUT_SIZE + 2U - offset - (seed >> 8) % 3U;
    payload[0] = MESSAGE_LOAD;
    put_u32(payload + 2, offset);
    return 6U + (count <= INPUT_SIZE ? count : 0U);
}

/* A RUN or TRACE of the input that is there after `line`; its size. */
static uint32_t run_request(uint8_t *payload, const uint8_t *line, size_t size, unsigned int seed) {
    payload[0] = seed & 1U ? MESSAGE_RUN : MESSAGE_TRACE;
    payload[1] = (uint8_t)(seed >> 1 & 3U); /* a few numbers: some come twice */
    put_u32(payload + 2, input_crc(line, size));
    put_u32(payload + 6, seed >> 3 & 1U); /* TRACE's layer */
    return payload[0] == MESSAGE_RUN ? 6U : 10U;
}

/* Puts `frame` into the line in place of `span`; the size of the line then. */
static size_t splice(uint8_t *line, size_t size, size_t max_size, span_t span) {
    size_t behind = size - span.end;
    if (span.begin + frame_size + behind > max_size) {
        return size;
    }
    memmove(line + span.begin + frame_size, line + span.end, behind);
    memcpy(line + span.begin, frame, frame_size);
    return span.begin + frame_size + behind;
}

size_t LLVMFuzzerCustomMutator(uint8_t *line, size_t size, size_t max_size, unsigned int seed) {
    enum { BYTES, REMOVE, LOAD, RUN, CHANGE, INSERT, WAYS };
    uint8_t payload[PAYLOAD_CAPACITY + FRAME_CRC_SIZE] = {0};
    unsigned int way = seed % WAYS;
    seed /= WAYS;
    span_t span = frame_at(line, size, size > 0U ? seed % size : 0U);
    uint32_t length = decode(line, span, payload);
    if (way == BYTES) { /* torn, damaged, one in another */
        return LLVMFuzzerMutate(line, size, max_size);
    }
    if (way == REMOVE) {
        frame_size = 0;
        return splice(line, size, max_size, span);
    }
    if (way == LOAD) {
        length = load_request(payload, seed >> 16);
    } else if (way == RUN) {
        length = run_request(payload, line, span.begin, seed >> 16);
    } else {
        length = (uint32_t)LLVMFuzzerMutate(payload, length, PAYLOAD_CAPACITY - FRAME_CRC_SIZE);
    }
    encode(payload, length);
    if (way != CHANGE) {
        span.end = span.begin;
    }
    return splice(line, size, max_size, span);
}
