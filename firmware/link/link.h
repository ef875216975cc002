/*
 * The device's side of the link: a host loads an input, starts the inference, and receives the
 * output and the measurements. docs/link.md describes the messages.
 *
 * The link depends on bytes and callbacks only, not on ports or engines.
 */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LINK_VERSION 3U
#define LINK_BUILD_ID_SIZE 16U
/* The number of bytes that the host may have in transit. A port must be able to buffer them while
 * the CPU is busy with a frame. */
#ifndef LINK_WINDOW
#ifdef ARDUINO
#define LINK_WINDOW 256U /* the receive buffer of Serial1 in Arduino's core for Mbed OS */
#else
#define LINK_WINDOW 2048U
#endif
#endif

/* Identifies the firmware: a hash of everything that it was built from. It is all zeros unless
 * BUILD_ID_BYTES is defined. `--elf` writes the ID into the copy of the ELF that it flashes. */
extern const uint8_t link_build_id[LINK_BUILD_ID_SIZE];

typedef struct {
    int32_t status;     /* 0, or the engine's error */
    uint32_t ticks;     /* of the device's counter, for the inference only */
    uint32_t coarse;    /* of the coarse counter, from just before to just after */
    uint32_t stack;     /* peak stack usage since start, in bytes */
    uint32_t disturbed; /* bytes received during the inference: each cost an interrupt */
} link_result_t;

typedef struct {
    void (*write)(uint8_t byte); /* sends a byte */
    link_result_t (*run)(void);  /* runs one inference on the input */
#ifdef LINK_BATCH
    /* Returns `stack` of a result; `run` leaves it 0. To look for the peak takes as long as a small
     * inference, so a batch does it once. */
    uint32_t (*stack_used)(void);
#endif
    /* Reads the counter. From then on until `run`, the core must not sleep, because its counter may
     * stand still. NULL: the host cannot measure the clock. */
    uint32_t (*count)(void);
#ifdef LINK_STATE
    /* Sets what the model keeps between inferences to the initial value. Returns 0, or the engine's
     * error. */
    int (*reset)(void);
#endif
    const uint8_t *build_id;   /* link_build_id, or LINK_BUILD_ID_SIZE bytes like it */
    const char *counter;       /* the name of the counter: "dwt", "tim2", ... */
    uint32_t counter_overhead; /* ticks of an empty bracket, already subtracted */
    uint32_t coarse_ticks;     /* ticks in one tick of the coarse counter; 0: there is none */
    void *input;
    uint32_t input_size; /* bytes */
    const void *output;
    uint32_t output_size;  /* bytes */
    uint32_t arena_size;   /* bytes */
    uint32_t stack_size;   /* bytes */
    int32_t engine_status; /* what nn_init() returned */
#ifdef LINK_PROFILE
    const uint32_t *profile; /* the contents of TICKS */
    uint32_t profile_size;   /* bytes */
#endif
} link_device_t;

/* Tells the host that the device has started. The link keeps the pointer `device`, which must
 * remain valid. */
void link_start(const link_device_t *device);

/* Processes one received byte. If it completes a request, the function runs the inference that is
 * asked for and sends the answer before it returns. Do not call it from an interrupt: up to
 * LINK_WINDOW bytes may arrive in the meantime. */
void link_receive(uint8_t byte);

/* The following three are for a receive interrupt that keeps the bytes in the link: poll.c. */

/* Stores a received byte. Call it from the receive interrupt. */
void link_put(uint8_t byte);

/* Processes the stored bytes, as link_receive() does. Returns whether there were any. Call it from
 * the main loop or from a task. */
bool link_poll(void);

/* Sleeps until a byte is stored, on a Cortex-M. For programs without an operating system. */
void link_wait(void);

/* Returns how many bytes have been stored since start. */
uint32_t link_received(void);

/* The following are for `run` and `count` of a device: measure.c. */

/* Runs `model`, which returns 0 or an error, between two readings of the counter. */
link_result_t link_measure(int (*model)(void));

/* Reads the counter of link_measure(): the cycle counter of the DWT, unless you define it. It must
 * have 32 bits, and count at the core's clock. */
uint32_t port_ticks(void);

/* Reads the counter for `count` of a device. Until the next inference, link_wait() does not sleep,
 * because the counter might stand still. */
uint32_t link_count(void);

/* Returns whether the core must not sleep, because of link_count(). */
bool link_is_timed(void);

/* Starts the cycle counter of the DWT. Returns whether it counts: a Cortex-M0, M0+ or M23 has none,
 * and in QEMU it stands still. There, define port_ticks(). */
bool link_start_dwt(void);

/* Sends a line of text to the host's log. Does nothing before link_start(). Do not call it from an
 * interrupt, nor from `run`: a device must not send while it measures. */
void link_log(const char *text);

/* Only with LINK_TRACE. While the device answers TRACE: reports an output of `layer` to the host,
 * and sends the output itself if TRACE names this layer. Otherwise does nothing. */
#ifdef LINK_TRACE
void link_layer(uint32_t layer, uint32_t output, const void *data, uint32_t size);
#endif

/* Sends the registers of a fault: LINK_FAULT_WORDS words, in the order of docs/link.md. */
#define LINK_FAULT_WORDS 14U
void link_fault(void (*write)(uint8_t byte), const uint32_t words[LINK_FAULT_WORDS]);

#ifdef __cplusplus
}
#endif

#endif
