/*
 * What the mutator knows of the device.
 */
#ifndef FUZZ_LINK_H
#define FUZZ_LINK_H

#include <stddef.h>
#include <stdint.h>

#define INPUT_SIZE 24U /* small: its end is found soon */

/* The CRC-32 of the device's input after it was given `line`: what RUN has to name then. */
uint32_t input_crc(const uint8_t *line, size_t size);

#endif
