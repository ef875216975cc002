/*
 * The device's side of the link: a host loads an input, has it run, and gets
 * the output and what was measured. docs/link.md describes the messages.
 *
 * The link knows bytes and callbacks; it knows neither ports nor engines.
 */
#ifndef LINK_H
#define LINK_H

#include <stdint.h>

#define LINK_VERSION 3U
#define LINK_BUILD_ID_SIZE 16U
/* Bytes the host may have on the way at once: a port must be able to hold as
 * many while the CPU is busy with a frame. */
#ifdef ARDUINO
#define LINK_WINDOW 256U /* the receive buffer of Serial1 in Arduino's core for Mbed OS */
#else
#define LINK_WINDOW 2048U
#endif

/* Says which firmware this is: a hash of what it was made from. Zeros as compiled, unless
 * BUILD_ID_BYTES is defined; `--elf` then writes it into the copy of the ELF that it flashes. */
extern const uint8_t link_build_id[LINK_BUILD_ID_SIZE];

typedef struct {
    int32_t status;     /* 0, or the engine's error */
    uint32_t ticks;     /* of the device's counter, for the inference alone */
    uint32_t coarse;    /* of its coarse counter, from just before to just after */
    uint32_t stack;     /* bytes of stack used since start, at the most */
    uint32_t disturbed; /* bytes received meanwhile: each cost an interrupt */
} link_result_t;

typedef struct {
    void (*write)(uint8_t byte); /* sends a byte */
    link_result_t (*run)(void);  /* runs one inference on the input */
    const uint8_t *build_id;     /* link_build_id, or LINK_BUILD_ID_SIZE bytes like it */
    const char *counter;         /* what counts the ticks: "dwt", "tim2", ... */
    uint32_t counter_overhead;   /* ticks of an empty bracket, already subtracted */
    uint32_t coarse_ticks;       /* ticks in one of the coarse counter's; 0: there is none */
    void *input;
    uint32_t input_size; /* bytes */
    const void *output;
    uint32_t output_size;  /* bytes */
    uint32_t arena_size;   /* bytes */
    uint32_t stack_size;   /* bytes */
    int32_t engine_status; /* what nn_init() returned */
#ifdef LINK_PROFILE
    const uint32_t *profile; /* what TICKS tells */
    uint32_t profile_size;   /* bytes */
#endif
} link_device_t;

/* Tells the host that the device has started. `device` is kept and must outlive the link. */
void link_start(const link_device_t *device);

/* Takes one received byte. If that completes a request, it is answered, and an inference run,
 * before this returns. Not for an interrupt: LINK_WINDOW bytes may arrive meanwhile. */
void link_receive(uint8_t byte);

/* Sends a line of text to the host's log; before link_start it does nothing. Not from an interrupt,
 * nor from `run`: the host is not to hear from a device that measures. */
void link_log(const char *text);

#ifdef LINK_TRACE
/* While TRACE is answered: tells the host of an output of `layer`, and sends the output
 * itself if that is the layer TRACE names. Else does nothing. */
void link_layer(uint32_t layer, uint32_t output, const void *data, uint32_t size);
#endif

/* Sends the registers of a fault: LINK_FAULT_WORDS of them, in the order of docs/link.md. */
#define LINK_FAULT_WORDS 14U
void link_fault(void (*write)(uint8_t byte), const uint32_t words[LINK_FAULT_WORDS]);

#endif
