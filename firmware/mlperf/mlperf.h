/*
 * The device's side of MLPerf Tiny's serial protocol: a host fills the input with `db`, has it
 * run with `infer`, and gets timestamps and results as text. docs/mlperf.md describes it.
 *
 * It knows bytes and callbacks; it knows neither ports nor engines.
 */
#ifndef MLPERF_H
#define MLPERF_H

#include <stdint.h>

#define MLPERF_COMMAND_SIZE 80U /* characters of a command, without its `%` */

typedef struct {
    void (*write)(uint8_t byte);       /* sends a byte */
    const char *vendor;                /* what `name` answers */
    const char *model;                 /* kws01, vww01, ic01, ad01, or another name */
    uint8_t *input;                    /* what `db` fills: the bytes of one input */
    uint32_t input_size;               /* bytes, all of which an inference needs */
    int32_t (*load)(void);             /* takes the input over, once a series; 0, or an error */
    int32_t (*infer)(void);            /* runs one inference; 0, or the engine's error */
    uint32_t results;                  /* how many numbers an inference yields */
    int32_t (*result)(uint32_t index); /* of the last inference, in thousandths */
    uint64_t (*microseconds)(void);    /* performance mode: a clock that does not wrap */
    void (*edge)(void); /* energy mode: a pin falls for 1 us or more; NULL: performance mode */
} mlperf_device_t;

/* Tells the host that the device has started, and forgets all that was before. The device
 * outlives it. */
void mlperf_start(const mlperf_device_t *device);

/* Takes one byte; answers, and runs inferences, when it completes a command. */
void mlperf_receive(uint8_t byte);

#endif
