/*
 * STM32: the serial line on a USART, UART or LPUART, with one byte for each interrupt. Ticks come
 * from the DWT; without it from TIM2, or from SysTick if the chip has no timer with 32 bits.
 *
 * The facts of a family (addresses, bits, interrupts, pins, clock) are in its own port.cmake, like
 * ports/stm32f4/port.cmake. stm32.cmake chooses those of the target and defines:
 *
 *   START_STEPS                      optional: what is written first, mostly for the clock
 *   RCC_GPIO, _BITS                  the register and the bits that clock the ports of the pins
 *   GPIO_CRL                         defined if pins are set up as on the STM32F1
 *   GPIO_TX, PIN_TX, AF_TX; _RX      port, number and alternate function of the USART's pins
 *   GPIO_TRIGGER, PIN_TRIGGER        the trigger pin
 *   RCC_USART, _BITS                 the register and the bits that clock the USART
 *   USART, _BRR, _INTERRUPT          its address, its divider, its number in the vector table
 *   USART_V1                         defined if its registers are those of the F1 and F4
 *   RCC_TIMERS, _BITS, TIMER_TICKS, _NAME, TIMER_COARSE    optional: timers with 32 bits
 *
 * Registers: the chapters GPIO, USART, LPUART and general-purpose timers of the family's reference
 * manual. RM0008 (F1), RM0090 (F4) and RM0351 (L4) have every kind that is used here.
 */
#include "port.h"

#include <stdbool.h>

#include "cortexm.h"

/* Replaces the bits of `mask` by those of `value`. */
static void set_bits(volatile uint32_t *target, uint32_t mask, uint32_t value) {
    *target = (*target & ~mask) | value;
}

/* ---- Clocks ---- */

#if defined(START_STEPS)
#define READY_LOOPS 10000U /* far longer than the few microseconds that an oscillator needs */

typedef struct {
    bool wait; /* until the bits have the value; otherwise they are set to it */
    uint32_t address;
    uint32_t mask;
    uint32_t value;
} step_t;

static const step_t steps[] = {START_STEPS};

/* The waits are bounded: an emulator may never set a flag, and needs no wait. */
static void wait_for(const step_t *step) {
    for (uint32_t i = 0; i < READY_LOOPS; i++) {
        if ((REGISTER(step->address) & step->mask) == step->value) {
            return;
        }
    }
}

static void start(void) {
    for (uint32_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (steps[i].wait) {
            wait_for(&steps[i]);
        } else {
            set_bits(&REGISTER(steps[i].address), steps[i].mask, steps[i].value);
        }
    }
}
#else
static void start(void) {
}
#endif

/* Clocks a peripheral. The read lets the clock start before the peripheral is used: errata sheet
 * ES0182 (F4), "Delay after an RCC peripheral clock enabling". */
static void enable(volatile uint32_t *rcc, uint32_t bits) {
    *rcc |= bits;
    (void)*rcc;
}

/* ---- Pins ---- */

#if defined(GPIO_CRL)
#define GPIO_CR(port, pin) REGISTER((port) + 4U * ((pin) / 8U)) /* CRL, CRH: 4 bits for a pin */
#define GPIO_CR_OUTPUT 0x3U
#define GPIO_CR_PULLED 0x8U /* an input; ODR selects up or down */
#define GPIO_CR_ALTERNATE 0xBU
#define GPIO_BSRR(port) REGISTER((port) + 0x10U)

static void set_pin(uint32_t port, uint32_t pin, uint32_t value) {
    uint32_t shift = 4U * (pin % 8U);
    set_bits(&GPIO_CR(port, pin), 0xFU << shift, value << shift);
}

static void pins_init(void) {
    set_pin(GPIO_TX, PIN_TX, GPIO_CR_ALTERNATE);
    GPIO_BSRR(GPIO_RX) = 1U << PIN_RX; /* up: an open RX line reads as idle */
    set_pin(GPIO_RX, PIN_RX, GPIO_CR_PULLED);
    set_pin(GPIO_TRIGGER, PIN_TRIGGER, GPIO_CR_OUTPUT);
}
#else
#define GPIO_MODER(port) REGISTER((port) + 0x00U)
#define GPIO_MODER_OUTPUT 1U
#define GPIO_MODER_ALTERNATE 2U
#define GPIO_PUPDR(port) REGISTER((port) + 0x0CU)
#define GPIO_PUPDR_UP 1U
#define GPIO_BSRR(port) REGISTER((port) + 0x18U)
#define GPIO_AFR(port, pin) REGISTER((port) + 0x20U + 4U * ((pin) / 8U)) /* AFRL, AFRH */

/* Sets the two bits of `pin` in a MODER or PUPDR. */
static void set_pin(volatile uint32_t *field, uint32_t pin, uint32_t value) {
    set_bits(field, 3U << (2U * pin), value << (2U * pin));
}

static void set_alternate(uint32_t port, uint32_t pin, uint32_t function) {
    uint32_t shift = 4U * (pin % 8U);
    set_bits(&GPIO_AFR(port, pin), 0xFU << shift, function << shift);
    set_pin(&GPIO_MODER(port), pin, GPIO_MODER_ALTERNATE);
}

static void pins_init(void) {
    set_pin(&GPIO_PUPDR(GPIO_RX), PIN_RX, GPIO_PUPDR_UP); /* an open RX line reads as idle */
    set_alternate(GPIO_TX, PIN_TX, AF_TX);
    set_alternate(GPIO_RX, PIN_RX, AF_RX);
    set_pin(&GPIO_MODER(GPIO_TRIGGER), PIN_TRIGGER, GPIO_MODER_OUTPUT);
}
#endif

void port_trigger(int high) {
    GPIO_BSRR(GPIO_TRIGGER) = (high ? 1U : 1U << 16) << PIN_TRIGGER;
}

/* ---- The serial line ---- */

#if defined(USART_V1)
#define USART_STATUS REGISTER(USART + 0x00U)  /* SR */
#define USART_RECEIVE REGISTER(USART + 0x04U) /* DR */
#define USART_TRANSMIT USART_RECEIVE
#define USART_DIVIDER REGISTER(USART + 0x08U) /* BRR */
#define USART_CR1 REGISTER(USART + 0x0CU)
#define USART_CR1_UE (1U << 13)
#else /* those of an LPUART, too */
#define USART_CR1 REGISTER(USART + 0x00U)
#define USART_CR1_UE (1U << 0)
#define USART_DIVIDER REGISTER(USART + 0x0CU)  /* BRR */
#define USART_STATUS REGISTER(USART + 0x1CU)   /* ISR */
#define USART_CLEAR REGISTER(USART + 0x20U)    /* ICR */
#define USART_RECEIVE REGISTER(USART + 0x24U)  /* RDR */
#define USART_TRANSMIT REGISTER(USART + 0x28U) /* TDR */
#endif
#define USART_CR1_RE (1U << 2)
#define USART_CR1_TE (1U << 3)
#define USART_CR1_RXNEIE (1U << 5)
#define USART_STATUS_ORE (1U << 3)
#define USART_STATUS_RXNE (1U << 5)
#define USART_STATUS_TXE (1U << 7)

static void usart_init(void) {
    enable(&REGISTER(RCC_USART), RCC_USART_BITS);
    USART_DIVIDER = USART_BRR;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    nvic_enable(USART_INTERRUPT);
}

void port_write(uint8_t byte) {
    while ((USART_STATUS & USART_STATUS_TXE) == 0U) {
    }
    USART_TRANSMIT = byte;
}

#if defined(USART_V1)
/* DR is read only if a flag is set: reading it without one could discard a byte that arrives
 * between the two reads. Reading SR and then DR clears an overrun. */
static void usart_interrupt(void) {
    uint32_t status;
    while (((status = USART_STATUS) & (USART_STATUS_RXNE | USART_STATUS_ORE)) != 0U) {
        uint8_t byte = (uint8_t)USART_RECEIVE;
        if ((status & USART_STATUS_RXNE) != 0U) {
            ring_put(byte);
        }
    }
}
#else
static void usart_interrupt(void) {
    uint32_t status;
    while (((status = USART_STATUS) & (USART_STATUS_RXNE | USART_STATUS_ORE)) != 0U) {
        if ((status & USART_STATUS_RXNE) != 0U) {
            ring_put((uint8_t)USART_RECEIVE);
        }
        USART_CLEAR = USART_STATUS_ORE; /* after an overrun; the frame's CRC shows the lost byte */
    }
}
#endif

PORT_VECTORS static const vector_t vectors[USART_INTERRUPT + 1U] = {
    [USART_INTERRUPT] = usart_interrupt,
};

/* ---- Counters ---- */

#if defined(TIMER_TICKS)
#define TIM_CR1(timer) REGISTER((timer) + 0x00U)
#define TIM_CR1_CEN (1U << 0)
#define TIM_EGR(timer) REGISTER((timer) + 0x14U)
#define TIM_EGR_UG (1U << 0)
#define TIM_CNT(timer) REGISTER((timer) + 0x24U)
#define TIM_PSC(timer) REGISTER((timer) + 0x28U)
#define TIM_ARR(timer) REGISTER((timer) + 0x2CU)

static void timer_start(uint32_t timer, uint32_t prescaler) {
    TIM_PSC(timer) = prescaler;
    TIM_ARR(timer) = 0xFFFFFFFFU;
    TIM_EGR(timer) = TIM_EGR_UG; /* makes PSC and ARR take effect at once */
    TIM_CR1(timer) = TIM_CR1_CEN;
}

static void counters_init(void) {
    enable(&REGISTER(RCC_TIMERS), RCC_TIMERS_BITS);
    timer_start(TIMER_TICKS, 0);
#if defined(TIMER_COARSE)
    timer_start(TIMER_COARSE, 0xFFFFU); /* 2^16 times slower */
#endif
    counter_init(&TIM_CNT(TIMER_TICKS), TIMER_NAME);
}
#else
static void counters_init(void) {
    counter_start();
}
#endif

uint32_t port_coarse(void) {
#if defined(TIMER_COARSE)
    return TIM_CNT(TIMER_COARSE);
#else
    return 0;
#endif
}

void port_init(void) {
    start();
    enable(&REGISTER(RCC_GPIO), RCC_GPIO_BITS);
    pins_init();
    port_trigger(0);
    usart_init();
    counters_init();
}
