/*
 * What a parser under test is to its driver: libFuzzer, or replay.c where there is none.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Starts the device anew, gives it the bytes of `line`, and looks at what it does. */
int LLVMFuzzerTestOneInput(const uint8_t *line, size_t size);

/* What the device sent since it started. */
#define SENT_CAPACITY (1U << 20)
extern uint8_t sent[SENT_CAPACITY];
extern size_t sent_size;

/* What must hold whatever came over the line. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not %s\n", __FILE__, __LINE__, #condition);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
