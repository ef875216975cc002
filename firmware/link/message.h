/*
 * The first byte of a frame is its type, the second the sequence number of the request. An answer
 * repeats the sequence number. All numbers are little-endian.
 */
#ifndef LINK_MESSAGE_H
#define LINK_MESSAGE_H

enum {
    /* host to device */
    MESSAGE_HELLO = 0x01,   /* u32 nonce */
    MESSAGE_LOAD = 0x02,    /* u32 offset, bytes of the input */
    MESSAGE_RUN = 0x03,     /* u32 CRC-32 of the input */
    MESSAGE_TRACE = 0x04,   /* as RUN, then u32 layer; only in traced images */
    MESSAGE_PROFILE = 0x05, /* empty; only in profiled images */
    MESSAGE_CLOCK = 0x06,   /* empty */
    MESSAGE_BATCH = 0x07,   /* u32 inputs in the queue; only with LINK_BATCH */
    MESSAGE_RESET = 0x08,   /* empty; only with LINK_STATE */

    /* device to host */
    MESSAGE_WELCOME = 0x81, /* the nonce, the build ID, sizes, ...: see docs/link.md */
    MESSAGE_ACK = 0x82,     /* the LOAD is stored, the RUN starts, or the state is set */
    MESSAGE_RESULT = 0x83,  /* u32 each: ticks, coarse, stack, disturbed; the output */
    MESSAGE_ERROR = 0x84,   /* u8 code, u32 detail */
    MESSAGE_BOOT = 0x85,    /* the device has started; no session is open */
    MESSAGE_LOG = 0x86,     /* text */
    MESSAGE_FAULT = 0x87,   /* 14 x u32, the registers: see docs/link.md */
    MESSAGE_LAYER = 0x88,   /* an output of a layer: see docs/link.md */
    MESSAGE_TICKS = 0x89,   /* for the last RUN: u32 hook, u32 for each layer */
    MESSAGE_COUNT = 0x8A,   /* u32 ticks: what the counter reads now */
    MESSAGE_BATCHED = 0x8B, /* u32 results in the queue */
};

enum {
    ERROR_BAD_FRAME = 1,  /* a frame was damaged; send the unanswered requests again */
    ERROR_NO_SESSION = 2, /* LOAD or RUN before HELLO */
    ERROR_UNKNOWN = 3,    /* unknown message type; detail: the type */
    ERROR_LENGTH = 4,     /* a message of the wrong length; detail: its length */
    ERROR_RANGE = 5,      /* LOAD past the input's end, too large a BATCH; detail: the limit */
    ERROR_ENGINE = 6,     /* the engine failed; detail: its status */
    ERROR_INPUT = 7,      /* the CRC-32 that came with an input is wrong; detail: the input's */
};

#endif
