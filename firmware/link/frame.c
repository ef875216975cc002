#include "frame.h"

#define CRC_INIT 0xFFFFFFFFU
/* The CRC register after any payload and its own CRC. */
#define CRC_RESIDUE 0xDEBB20E3U

/* Works on half a byte at a time: the table has 64 bytes instead of 1 KiB. */
static uint32_t crc_update(uint32_t crc, uint8_t byte) {
    static const uint32_t table[16] = {
        0x00000000U, 0x1DB71064U, 0x3B6E20C8U, 0x26D930ACU, 0x76DC4190U, 0x6B6B51F4U,
        0x4DB26158U, 0x5005713CU, 0xEDB88320U, 0xF00F9344U, 0xD6D6A3E8U, 0xCB61B38CU,
        0x9B64C2B0U, 0x86D3D2D4U, 0xA00AE278U, 0xBDBDF21CU,
    };
    crc ^= byte;
    crc = (crc >> 4) ^ table[crc & 15U];
    return (crc >> 4) ^ table[crc & 15U];
}

uint32_t frame_crc(const void *data, uint32_t size) {
    const uint8_t *bytes = data;
    uint32_t crc = CRC_INIT;
    for (uint32_t i = 0; i < size; i++) {
        crc = crc_update(crc, bytes[i]);
    }
    return ~crc;
}

static void restart(frame_decoder_t *decoder) {
    decoder->length = 0;
    decoder->crc = CRC_INIT;
    decoder->code = 0;
    decoder->left = 0;
    decoder->overflow = false;
}

void frame_decoder_init(frame_decoder_t *decoder, void *buffer, uint32_t capacity) {
    decoder->buffer = buffer;
    decoder->capacity = capacity;
    restart(decoder);
}

static void append(frame_decoder_t *decoder, uint8_t byte) {
    if (decoder->length == decoder->capacity) {
        decoder->overflow = true;
        return;
    }
    decoder->buffer[decoder->length] = byte;
    decoder->length += 1U;
    decoder->crc = crc_update(decoder->crc, byte);
}

static frame_status_t finish(frame_decoder_t *decoder) {
    bool empty = decoder->code == 0U;
    bool whole = decoder->left == 0U && !decoder->overflow && decoder->length > FRAME_CRC_SIZE &&
                 decoder->crc == CRC_RESIDUE;
    uint32_t payload = whole ? decoder->length - FRAME_CRC_SIZE : 0U;
    restart(decoder);
    if (empty) {
        return FRAME_MORE;
    }
    decoder->length = payload;
    return whole ? FRAME_READY : FRAME_BAD;
}

frame_status_t frame_decode(frame_decoder_t *decoder, uint8_t byte) {
    if (byte == 0U) {
        return finish(decoder);
    }
    if (decoder->left > 0U) {
        decoder->left -= 1U;
        append(decoder, byte);
        return FRAME_MORE;
    }
    if (decoder->code == 0U) {
        decoder->length = 0; /* the payload of the previous frame is no longer needed */
    } else if (decoder->code != 0xFFU) {
        append(decoder, 0U); /* a block that is not full implies a zero at its end */
    }
    decoder->code = byte;
    decoder->left = (uint8_t)(byte - 1U);
    return FRAME_MORE;
}

static void flush_block(frame_encoder_t *encoder) {
    encoder->write((uint8_t)(encoder->fill + 1U));
    for (uint32_t i = 0; i < encoder->fill; i++) {
        encoder->write(encoder->block[i]);
    }
    encoder->fill = 0;
}

static void stuff(frame_encoder_t *encoder, uint8_t byte) {
    if (encoder->fill == FRAME_BLOCK_SIZE) {
        flush_block(encoder);
    }
    if (byte == 0U) {
        flush_block(encoder);
    } else {
        encoder->block[encoder->fill] = byte;
        encoder->fill += 1U;
    }
}

void frame_begin(frame_encoder_t *encoder, void (*write)(uint8_t byte)) {
    encoder->write = write;
    encoder->crc = CRC_INIT;
    encoder->fill = 0;
}

void frame_put_u8(frame_encoder_t *encoder, uint8_t value) {
    encoder->crc = crc_update(encoder->crc, value);
    stuff(encoder, value);
}

void frame_put(frame_encoder_t *encoder, const void *data, uint32_t size) {
    const uint8_t *bytes = data;
    for (uint32_t i = 0; i < size; i++) {
        frame_put_u8(encoder, bytes[i]);
    }
}

void frame_put_u32(frame_encoder_t *encoder, uint32_t value) {
    for (uint32_t shift = 0; shift < 32U; shift += 8U) {
        frame_put_u8(encoder, (uint8_t)(value >> shift));
    }
}

void frame_end(frame_encoder_t *encoder) {
    uint32_t crc = ~encoder->crc;
    for (uint32_t shift = 0; shift < 32U; shift += 8U) {
        stuff(encoder, (uint8_t)(crc >> shift));
    }
    flush_block(encoder);
    encoder->write(0U);
}
