/*
 * A port to copy: see "A new port" in firmware/README.md.
 *
 * The registers below are made up: replace everything that is marked REPLACE. The file compiles as
 * it is, but its image runs on no chip. In place of this comment, name the chip, the UART and its
 * pins, the clock, and the reference manual with its chapters.
 */
#include "port.h"

#include "cortexm.h"

/* REPLACE: the registers and bits of the UART. */
#define UART_DATA REGISTER(0x40000000U)
#define UART_STATUS REGISTER(0x40000004U)
#define UART_HAS_BYTE ((UART_STATUS & (1U << 0)) != 0U) /* a received byte can be read */
#define UART_CAN_SEND ((UART_STATUS & (1U << 1)) != 0U) /* the transmitter can take a byte */
#define UART_CONTROL REGISTER(0x40000008U)
#define UART_ON 7U /* transmitter, receiver, and the interrupt for a received byte */
#define UART_DIVIDER REGISTER(0x4000000CU)
#define UART_CLEAR REGISTER(0x40000010U)
#define UART_CLEAR_RX (1U << 0) /* the interrupt for a received byte */
#define UART_INTERRUPT 5U /* its number in the chip's vector table; the core's 16 do not count */

void port_init(void) {
    /* REPLACE: give the UART its clock and pins, and pull RX up. */
    UART_DIVIDER = (UART_HZ + BAUD / 2U) / BAUD; /* rounded */
    UART_CONTROL = UART_ON;
    nvic_enable(UART_INTERRUPT);
    counter_start();
}

void port_write(uint8_t byte) {
    while (!UART_CAN_SEND) {
    }
    UART_DATA = byte;
}

/* REPLACE: also clear what an overrun sets, if the receiver stops otherwise. The host repeats what
 * was lost. If reading a byte clears the interrupt, remove UART_CLEAR. */
static void uart_interrupt(void) {
    while (UART_HAS_BYTE) {
        UART_CLEAR = UART_CLEAR_RX; /* before the byte is read: the next one interrupts again */
        ring_put((uint8_t)UART_DATA);
    }
}

/* The chip's vectors, up to the last one that is used. */
PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
