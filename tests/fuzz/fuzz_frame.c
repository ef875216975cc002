/*
 * The frame codec under a fuzzer. The first byte of the input is the decoder's capacity, the
 * others come over the line; then they are a payload.
 */
#include <string.h>

#include "frame.h"
#include "fuzz.h"

uint8_t sent[SENT_CAPACITY];
size_t sent_size;

static void write_byte(uint8_t byte) {
    CHECK(sent_size < SENT_CAPACITY);
    sent[sent_size++] = byte;
}

static void encode(const uint8_t *payload, uint32_t size) {
    frame_encoder_t encoder;
    sent_size = 0;
    frame_begin(&encoder, write_byte);
    frame_put(&encoder, payload, size);
    frame_end(&encoder);
}

/* The frame in `sent` is one, and holds `payload`. */
static void check_frame(const uint8_t *payload, uint32_t size) {
    uint32_t capacity = size + FRAME_CRC_SIZE;
    uint8_t *buffer = malloc(capacity);
    frame_decoder_t decoder;
    frame_decoder_init(&decoder, buffer, capacity);
    for (size_t i = 0; i + 1U < sent_size; i++) {
        CHECK(sent[i] != 0U);
        CHECK(frame_decode(&decoder, sent[i]) == FRAME_MORE);
    }
    CHECK(frame_decode(&decoder, 0U) == (size > 0U ? FRAME_READY : FRAME_BAD));
    CHECK(decoder.length == size);
    CHECK(memcmp(buffer, payload, size) == 0);
    free(buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *line, size_t size) {
    if (size == 0U) {
        return 0;
    }
    uint32_t capacity = line[0];
    uint8_t *buffer = malloc(capacity); /* exactly: the sanitizer sees a write beyond it */
    frame_decoder_t decoder;
    frame_decoder_init(&decoder, buffer, capacity);
    for (size_t i = 1; i < size; i++) {
        frame_status_t status = frame_decode(&decoder, line[i]);
        CHECK(status == FRAME_MORE || line[i] == 0U);
        if (status == FRAME_READY) {
            CHECK(decoder.length > 0U && decoder.length + FRAME_CRC_SIZE <= capacity);
            encode(buffer, decoder.length);
            check_frame(buffer, decoder.length);
        }
    }
    free(buffer);
    encode(line + 1, (uint32_t)size - 1U);
    check_frame(line + 1, (uint32_t)size - 1U);
    return 0;
}
