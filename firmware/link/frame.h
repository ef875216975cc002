/*
 * Frames on a byte stream: COBS with a CRC-32.
 *
 * A frame is COBS(payload, CRC-32 of the payload, little-endian) and a zero
 * byte. COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", 1999)
 * leaves no zero inside, so a receiver that starts in the middle of a frame is
 * synchronized after the next zero. IEEE 802.3 and zlib use the same CRC.
 */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FRAME_CRC_SIZE 4U
#define FRAME_BLOCK_SIZE 254U /* the longest run without a zero in one COBS block */

/* Returns the CRC-32 of `size` bytes. */
uint32_t frame_crc(const void *data, uint32_t size);

typedef enum {
    FRAME_MORE,  /* the frame is not complete */
    FRAME_READY, /* a frame is complete and its CRC is correct */
    FRAME_BAD,   /* a frame has ended; it is damaged or does not fit the buffer */
} frame_status_t;

typedef struct {
    uint8_t *buffer;   /* receives the payload and its CRC */
    uint32_t capacity; /* bytes in the buffer */
    uint32_t length;   /* bytes decoded; the payload's length once a frame is READY */
    uint32_t crc;
    uint8_t code; /* code of the current COBS block; 0 before the first */
    uint8_t left; /* bytes left in the current block */
    bool overflow;
} frame_decoder_t;

void frame_decoder_init(frame_decoder_t *decoder, void *buffer, uint32_t capacity);

/* Decodes one received byte. After FRAME_READY, the payload stays in the buffer until the next
 * call. Zeros between frames are ignored. */
frame_status_t frame_decode(frame_decoder_t *decoder, uint8_t byte);

typedef struct {
    void (*write)(uint8_t byte); /* sends one byte */
    uint32_t crc;
    uint32_t fill;
    uint8_t block[FRAME_BLOCK_SIZE];
} frame_encoder_t;

/* Send a frame in pieces: frame_begin(), any number of frame_put...(), frame_end(). */
void frame_begin(frame_encoder_t *encoder, void (*write)(uint8_t byte));
void frame_put(frame_encoder_t *encoder, const void *data, uint32_t size);
void frame_put_u8(frame_encoder_t *encoder, uint8_t value);
void frame_put_u32(frame_encoder_t *encoder, uint32_t value); /* little-endian */
void frame_end(frame_encoder_t *encoder);

#ifdef __cplusplus
}
#endif

#endif
