/*
 * What a port supplies: start-up, bytes in and out, a counter, a trigger pin.
 *
 * A port for a Cortex-M chip is a `port.c`, a `port.cmake` and a table of
 * interrupt vectors; the rest is in ports/cortexm. firmware/README.md shows how.
 */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#include "link.h"

/* Clocks, pins, the serial line with its receive interrupt, the counter. */
void port_init(void);

/* Waits, asleep where the chip can sleep, for the next received byte. */
uint8_t port_read(void);

/* Bytes received since start. */
uint32_t port_received(void);

/* Sends a byte; waits until the transmitter takes it. Works with interrupts off. */
void port_write(uint8_t byte);

/* A free-running 32-bit counter. The same noinline function reads it at both
 * ends of every measurement, so what the reading costs cancels out. */
uint32_t port_ticks(void);

/* What port_ticks() counts with: "dwt", "tim2", ... */
const char *port_counter(void);

/* A second free-running 32-bit counter, a thousand times slower or more, read before and
 * after a measurement: it tells that port_ticks() wrapped meanwhile. Its frequency is measured
 * at start. A port that has none returns 0. */
uint32_t port_coarse(void);

/* Drives the pin that tells an energy meter when an inference runs. */
void port_trigger(int high);

/* Bytes of stack used since start, at the most, and bytes reserved for it. */
uint32_t port_stack_used(void);
uint32_t port_stack_size(void);

/* What the application does with the registers of a fault, in the order of docs/link.md: it
 * tells the host. */
#define FAULT_WORDS LINK_FAULT_WORDS
void report_fault(const uint32_t words[FAULT_WORDS]);

/* Receive interrupts put bytes here, so that none is lost while the CPU is busy. */
#define PORT_RING_SIZE LINK_WINDOW

#endif
