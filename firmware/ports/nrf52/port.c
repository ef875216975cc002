/*
 * nRF52840 and the nRF51 series, which has the same peripherals: the serial line is UART0. Ticks
 * come from the DWT, or from TIMER0 if there is no DWT. port.cmake has the pins, including the
 * trigger pin, as options.
 *
 * The core runs at 64 MHz (nRF51: 16 MHz) from the internal oscillator, as after reset, with the
 * instruction cache on. Registers: nRF52840 Product Specification and nRF51 Series Reference
 * Manual, chapters NVMC, GPIO, UART and TIMER.
 *
 * The port uses the UART and not the UARTE, so no DMA accesses RAM during a measurement. Received
 * bytes stay in a FIFO of six bytes until the interrupt reads them.
 */
#include "port.h"

#include "cortexm.h"

#define NVMC_ICACHECNF REGISTER(0x4001E540)
#define NVMC_ICACHECNF_CACHEEN (1U << 0)

#define GPIO_P0 0x50000000U
#define GPIO_P1 0x50000300U
#define GPIO_BASE(pin) ((pin) < 32U ? GPIO_P0 : GPIO_P1)
#define GPIO_BIT(pin) (1U << ((pin) % 32U))
#define GPIO_OUTSET(pin) REGISTER(GPIO_BASE(pin) + 0x508U)
#define GPIO_OUTCLR(pin) REGISTER(GPIO_BASE(pin) + 0x50CU)
#define GPIO_DIRSET(pin) REGISTER(GPIO_BASE(pin) + 0x518U)
#define GPIO_CNF(pin) REGISTER(GPIO_BASE(pin) + 0x700U + 4U * ((pin) % 32U))
#define GPIO_CNF_PULLUP (3U << 2)

#define UART_STARTRX REGISTER(0x40002000)
#define UART_STARTTX REGISTER(0x40002008)
#define UART_RXDRDY REGISTER(0x40002108)
#define UART_TXDRDY REGISTER(0x4000211C)
#define UART_ERROR REGISTER(0x40002124)
#define UART_INTENSET REGISTER(0x40002304)
#define UART_INTENSET_RXDRDY (1U << 2)
#define UART_INTENSET_ERROR (1U << 9)
#define UART_ERRORSRC REGISTER(0x40002480)
#define UART_ENABLE REGISTER(0x40002500)
#define UART_ENABLE_UART 4U
#define UART_PSELTXD REGISTER(0x4000250C)
#define UART_PSELRXD REGISTER(0x40002514)
#define UART_RXD REGISTER(0x40002518)
#define UART_TXD REGISTER(0x4000251C)
#define UART_BAUDRATE REGISTER(0x40002524)
#define UART_INTERRUPT 2U /* the peripheral ID, which is part of its address */

#define TIMER0 0x40008000U
#define TIMER1 0x40009000U
#define TIMER_START(timer) REGISTER((timer) + 0x000U)
#define TIMER_CAPTURE(timer) REGISTER((timer) + 0x040U)
#define TIMER_BITMODE(timer) REGISTER((timer) + 0x508U)
#define TIMER_BITMODE_32 3U
#define TIMER_PRESCALER(timer) REGISTER((timer) + 0x510U)
#define TIMER_PRESCALER_MAX 9U /* 16 MHz / 2^9 */
#define TIMER_CC(timer) REGISTER((timer) + 0x540U)

/* The register holds baud * 2^32 / 16 MHz; only its upper 20 bits are used. */
#define UART_BAUDRATE_VALUE (uint32_t)((((uint64_t)BAUD << 32) / 16000000U + 0x800U) & 0xFFFFF000U)

static void pins_init(void) {
    GPIO_OUTSET(PIN_TX) = GPIO_BIT(PIN_TX); /* TX is high when idle */
    GPIO_DIRSET(PIN_TX) = GPIO_BIT(PIN_TX);
    GPIO_CNF(PIN_RX) = GPIO_CNF_PULLUP; /* input; an open RX line reads as idle */
    port_trigger(0);
    GPIO_DIRSET(PIN_TRIGGER) = GPIO_BIT(PIN_TRIGGER);
}

static void uart_init(void) {
    UART_PSELTXD = PIN_TX;
    UART_PSELRXD = PIN_RX;
    UART_BAUDRATE = UART_BAUDRATE_VALUE;
    UART_ENABLE = UART_ENABLE_UART;
    UART_INTENSET = UART_INTENSET_RXDRDY | UART_INTENSET_ERROR;
    nvic_enable(UART_INTERRUPT);
    UART_STARTRX = 1;
    UART_STARTTX = 1;
}

/* The value of a timer cannot be read directly. A capture copies it to a register. */
static void timer_start(uint32_t timer, uint32_t prescaler) {
    TIMER_BITMODE(timer) = TIMER_BITMODE_32;
    TIMER_PRESCALER(timer) = prescaler;
    TIMER_START(timer) = 1;
}

void port_init(void) {
#if !defined(__ARM_ARCH_6M__) /* an nRF51 has no cache */
    NVMC_ICACHECNF = NVMC_ICACHECNF_CACHEEN;
#endif
    pins_init();
    uart_init();
    if (!counter_has_dwt()) {
        timer_start(TIMER0, 0);
        counter_capture(&TIMER_CAPTURE(TIMER0));
    }
    counter_init(&TIMER_CC(TIMER0), "timer0");
#if TIMER1_BITS == 32
    timer_start(TIMER1, TIMER_PRESCALER_MAX);
#endif
}

uint32_t port_coarse(void) {
#if TIMER1_BITS == 32
    TIMER_CAPTURE(TIMER1) = 1;
    return TIMER_CC(TIMER1);
#else
    return 0; /* it wraps around too early */
#endif
}

void port_write(uint8_t byte) {
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0U) {
    }
}

void port_trigger(int high) {
    if (high) {
        GPIO_OUTSET(PIN_TRIGGER) = GPIO_BIT(PIN_TRIGGER);
    } else {
        GPIO_OUTCLR(PIN_TRIGGER) = GPIO_BIT(PIN_TRIGGER);
    }
}

static void uart_interrupt(void) {
    if (UART_ERROR != 0U) {
        UART_ERROR = 0;
        UART_ERRORSRC =
            UART_ERRORSRC; /* cleared by writing it back; the frame's CRC shows the error */
    }
    /* Cleared before RXD is read, so that the next byte of the FIFO sets the event again. */
    while (UART_RXDRDY != 0U) {
        UART_RXDRDY = 0;
        ring_put((uint8_t)UART_RXD);
    }
}

PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
