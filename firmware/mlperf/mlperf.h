/*
 * The device's side of MLPerf Tiny's serial protocol: a host fills the input with `db`, starts
 * inferences with `infer`, and receives timestamps and results as text. docs/mlperf.md describes
 * the protocol.
 *
 * It depends on bytes and callbacks only, not on ports or engines.
 */
#ifndef MLPERF_H
#define MLPERF_H

#include <stdint.h>

#define MLPERF_COMMAND_SIZE 80U /* characters of a command, without its `%` */

typedef struct {
    void (*write)(uint8_t byte);       /* sends a byte */
    const char *vendor;                /* the answer to `name` */
    const char *model;                 /* kws01, vww01, ic01, ad01, or another name */
    uint8_t *input;                    /* `db` fills it with the bytes of one input */
    uint32_t input_size;               /* bytes; an inference needs all of them */
    int32_t (*load)(void);             /* accepts the input, once for each series; 0, or an error */
    int32_t (*infer)(void);            /* runs one inference; 0, or the engine's error */
    uint32_t results;                  /* the number of results of an inference */
    int32_t (*result)(uint32_t index); /* of the last inference, in thousandths */
    uint64_t (*microseconds)(void);    /* performance mode: a clock that does not wrap */
    void (*edge)(void); /* energy mode: pulls a pin low for 1 us or more; NULL: performance mode */
} mlperf_device_t;

/* Tells the host that the device has started, and resets all state. `device` must remain valid. */
void mlperf_start(const mlperf_device_t *device);

/* Processes one received byte. If it completes a command, runs inferences and answers. */
void mlperf_receive(uint8_t byte);

#endif
