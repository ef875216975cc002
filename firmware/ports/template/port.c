/*
 * A port to copy: see "A new port" in firmware/README.md.
 *
 * The registers below are made up. They describe the simplest UART and timers that a port can
 * work with: replace everything that is marked REPLACE. The file compiles as it is, but its image
 * runs on no chip.
 *
 * REPLACE: in place of this comment, name the chip, the UART and its pins, the timer that counts if
 * there is no DWT, the trigger pin, the clock, and the reference manual with its chapters.
 */
#include "port.h"

#include "cortexm.h"

/* REPLACE: the registers and bits of the UART. */
#define UART_BASE 0x40000000U
#define UART_DATA REGISTER(UART_BASE + 0x00U)
#define UART_STATUS REGISTER(UART_BASE + 0x04U)
#define UART_HAS_BYTE ((UART_STATUS & (1U << 0)) != 0U) /* a received byte can be read */
#define UART_CAN_SEND ((UART_STATUS & (1U << 1)) != 0U) /* the transmitter can take a byte */
#define UART_CONTROL REGISTER(UART_BASE + 0x08U)
#define UART_CONTROL_TX (1U << 0)
#define UART_CONTROL_RX (1U << 1)
#define UART_CONTROL_RX_INTERRUPT (1U << 2)
#define UART_DIVIDER REGISTER(UART_BASE + 0x0CU)
#define UART_CLEAR REGISTER(UART_BASE + 0x10U)
#define UART_CLEAR_RX (1U << 0)
#define UART_INTERRUPT 5U /* its number in the chip's vector table; the core's 16 do not count */

/* REPLACE: a 32-bit timer on the core's clock, for a core or an emulator without a DWT. */
#define TIMER_CONTROL REGISTER(0x40001000U)
#define TIMER_CONTROL_START (1U << 0)
#define TIMER_COUNT REGISTER(0x40001004U)
#define TIMER_NAME "timer0"

/* REPLACE: a second 32-bit timer, on the same clock with a prescaler of 1,000 or more. If there is
 * none, remove these and let port_coarse() return 0. */
#define COARSE_CONTROL REGISTER(0x40002000U)
#define COARSE_CONTROL_START (1U << 0)
#define COARSE_COUNT REGISTER(0x40002004U)

/* REPLACE: the output register of the trigger pin, and the pin's bit in it. If no meter is ever
 * connected, remove these and leave port_trigger() empty. */
#define TRIGGER_OUTPUT REGISTER(0x40003000U)
#define TRIGGER_PIN (1U << 0)

/* REPLACE: select the clock, if the one after reset is not accurate enough for the baud rate. Any
 * wait for it has to end on an emulator that does not model clocks: see ports/stm32l4. */
static void clock_init(void) {
}

/* REPLACE: connect the pins to the UART, pull RX up, and make the trigger pin an output. */
static void pins_init(void) {
    port_trigger(0);
}

static void uart_init(void) {
    UART_DIVIDER = (UART_HZ + BAUD / 2U) / BAUD; /* rounded */
    UART_CONTROL = UART_CONTROL_TX | UART_CONTROL_RX | UART_CONTROL_RX_INTERRUPT;
    nvic_enable(UART_INTERRUPT);
}

/* The counters run from here on and are never stopped. */
static void timers_init(void) {
    TIMER_CONTROL = TIMER_CONTROL_START;
    COARSE_CONTROL = COARSE_CONTROL_START;
    counter_init(&TIMER_COUNT, TIMER_NAME); /* takes the DWT instead, if there is one */
}

void port_init(void) {
    clock_init();
    pins_init();
    uart_init();
    timers_init();
}

void port_write(uint8_t byte) {
    while (!UART_CAN_SEND) {
    }
    UART_DATA = byte;
}

void port_trigger(int high) {
    TRIGGER_OUTPUT = high ? TRIGGER_PIN : 0U;
}

uint32_t port_coarse(void) {
    return COARSE_COUNT;
}

/* Empties the receiver. The flag is cleared before the byte is read, so that a byte that arrives
 * in between raises the interrupt again.
 * REPLACE: clear what an overrun sets, if the receiver stops otherwise. The host repeats what was
 * lost. */
static void uart_interrupt(void) {
    while (UART_HAS_BYTE) {
        UART_CLEAR = UART_CLEAR_RX;
        ring_put((uint8_t)UART_DATA);
    }
}

/* The chip's vectors, up to the last one that is used. */
PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
