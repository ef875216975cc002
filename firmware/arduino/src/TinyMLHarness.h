/*
 * The model of a sketch behind the link: tinyml-harness sends inputs through a serial port, and
 * gets the outputs and what an inference took.
 */
#ifndef TINYML_HARNESS_H
#define TINYML_HARNESS_H

#include <Arduino.h>

/* A model as the sketch has it. Of several tensors, each begins at a multiple of 4 bytes. */
struct TinyMLModel {
    void *input;        /* what the host fills */
    uint32_t inputSize; /* bytes */
    const void *output; /* what the host compares */
    uint32_t outputSize;
    int (*invoke)();    /* runs one inference; 0, or an error that the host is told */
    uint32_t arenaSize; /* bytes of RAM for activations; 0: not told */
};

class TinyMLHarnessClass {
  public:
    /* Tells the host that the sketch has started. `stream` has begun; nothing else may use it.
     * `status` is what setting up the model returned: the host does not run one that failed. */
    void begin(Stream &stream, const TinyMLModel &model, int status = 0);

    /* Takes what has come, answers, and runs inferences. Call it from loop(), again and again. */
    void poll();

    /* Sends a line of text to the host's log. */
    void log(const char *text);
};

extern TinyMLHarnessClass TinyMLHarness;

#endif
