/*
 * The functions between the application and the chip.
 *
 * A new port for a Cortex-M chip starts as a copy of ports/template and defines the functions of
 * section 1; firmware/README.md, "A new port", has the steps. ports/cortexm defines those of
 * section 2, and app that of section 3. A port for another architecture, like ports/host, defines
 * sections 1 and 2.
 */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#include "link.h"

/* ---- 1. Each port defines these, in its port.c ----
 *
 * It also defines the receive interrupt, which calls ring_put(), and the table of its interrupt
 * vectors; ports/cortexm/cortexm.h declares what they need. */

/* Starts clocks, pins, the serial line with its receive interrupt, and the counters. Calls
 * counter_start(), or counter_init() with a timer of the chip. */
void port_init(void);

/* Sends a byte: waits until the transmitter can take it. Works with interrupts disabled. */
void port_write(uint8_t byte);

/* Sets the trigger pin, which shows an energy meter when an inference runs. A port without such a
 * pin leaves this function out. */
void port_trigger(int high);

/* Reads a free-running 32-bit counter that is at least a thousand times slower than
 * port_ticks(). The application reads it before and after each measurement, to detect that
 * port_ticks() has wrapped around, and measures its frequency at start. A port without a timer for
 * it leaves this function out. */
uint32_t port_coarse(void);

/* ---- 2. ports/cortexm defines these for every Cortex-M port ---- */

/* Returns the next received byte. Until there is one, the CPU sleeps if it may. */
uint8_t port_read(void);

/* Says whether the CPU must stay awake in port_read(): on many chips, the counter stands still in
 * sleep. At start, it may sleep. */
void port_stay_awake(int awake);

/* Returns when nothing that was sent can disturb a measurement any more: over RTT, when the host
 * has fetched it. */
void port_settle(void);

/* Prepares the counter for a measurement. What it reads may jump. */
void port_restart(void);

/* The number of bytes received since start. */
uint32_t port_received(void);

/* Reads a free-running 32-bit counter. It is not inlined, and the same function is called at
 * both ends of every measurement, so the cost of reading cancels out. */
uint32_t port_ticks(void);

/* Part systick, with which PORT_WRAPS is defined: how often SysTick has wrapped around, each time
 * after `*ticks` ticks; no port_coarse() is needed then. Sets `*ticks` to 0 if the DWT counts. */
uint32_t port_wraps(uint32_t *ticks);

/* The name of the counter that port_ticks() reads: "dwt", "tim2", ... */
const char *port_counter(void);

/* Peak stack usage since start, and the size of the stack, in bytes. */
uint32_t port_stack_used(void);
uint32_t port_stack_size(void);

/* The size of the buffer that the receive interrupt fills. No byte is lost while the CPU is
 * busy, because the host never has more than LINK_WINDOW bytes in transit. */
#define PORT_RING_SIZE LINK_WINDOW

/* ---- 3. The application defines this; ports/cortexm calls it ---- */

/* Sends the registers of a fault to the host, in the order of docs/link.md. */
#define FAULT_WORDS LINK_FAULT_WORDS
void report_fault(const uint32_t words[FAULT_WORDS]);

#endif
