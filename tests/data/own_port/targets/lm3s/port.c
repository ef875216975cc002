/*
 * LM3S6965: the serial line is UART 0, an Arm PL011, on PA0 (RX) and PA1 (TX).
 *
 * Registers: LM3S6965 data sheet (DS-LM3S6965), "System Control", "General-Purpose Input/Outputs"
 * and "Universal Asynchronous Receivers/Transmitters".
 */
#include "port.h"

#include "cortexm.h"

#define UART_DR REGISTER(0x4000C000U)
#define UART_FR REGISTER(0x4000C018U)
#define UART_FR_RXFE (1U << 4) /* nothing was received */
#define UART_FR_TXFF (1U << 5) /* the transmitter is full */
#define UART_IM REGISTER(0x4000C038U)
#define UART_ICR REGISTER(0x4000C044U)
#define UART_RX (1U << 4) /* the interrupt for a received byte */
#define UART_INTERRUPT 5U

void port_init(void) {
    uint32_t divisor = (4U * UART_HZ + BAUD / 2U) / BAUD; /* in 1/64 */
    REGISTER(0x400FE104U) |= 1U << 0;                     /* RCGC1: clock of UART 0 */
    REGISTER(0x400FE108U) |= 1U << 0;                     /* RCGC2: clock of port A */
    REGISTER(0x40004420U) |= 3U;                          /* AFSEL: pins 0 and 1 are the UART's */
    REGISTER(0x4000451CU) |= 3U;                          /* DEN: they are digital */
    REGISTER(0x4000C024U) = divisor / 64U;                /* IBRD */
    REGISTER(0x4000C028U) = divisor % 64U;                /* FBRD */
    REGISTER(0x4000C02CU) = 3U << 5;                      /* LCRH: 8 bits */
    REGISTER(0x4000C030U) = 1U << 0 | 3U << 8;            /* CTL: on, with both directions */
    UART_IM = UART_RX;
    nvic_enable(UART_INTERRUPT);
    counter_start();
}

void port_write(uint8_t byte) {
    while ((UART_FR & UART_FR_TXFF) != 0U) {
    }
    UART_DR = byte;
}

static void uart_interrupt(void) {
    while ((UART_FR & UART_FR_RXFE) == 0U) {
        UART_ICR = UART_RX; /* before the byte is read, so that the next one interrupts again */
        ring_put((uint8_t)UART_DR);
    }
}

PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
