/*
 * Connects the model in a sketch to tinyml-harness, which sends inputs through a serial port and
 * receives the outputs and the measurements.
 */
#ifndef TINYML_HARNESS_H
#define TINYML_HARNESS_H

#include <Arduino.h>

/* The model of the sketch. If it has several inputs or outputs, each starts at a multiple of 4
 * bytes. */
struct TinyMLModel {
    void *input;        /* the host fills it */
    uint32_t inputSize; /* bytes */
    const void *output; /* the host compares it */
    uint32_t outputSize;
    int (*invoke)();    /* runs one inference; 0, or an error, which the host reports */
    uint32_t arenaSize; /* bytes of RAM for activations; 0: unknown */
};

class TinyMLHarnessClass {
  public:
    /* Tells the host that the sketch has started. Call `stream`.begin() before; nothing else may
     * use the stream. `status` is the result of setting up the model: 0, or an error. The host does
     * not run a model whose set-up failed. */
    void begin(Stream &stream, const TinyMLModel &model, int status = 0);

    /* Processes received bytes, runs inferences and answers. Call it in every loop(). */
    void poll();

    /* Sends a line of text to the host's log. */
    void log(const char *text);
};

extern TinyMLHarnessClass TinyMLHarness;

#endif
