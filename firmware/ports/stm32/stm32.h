/*
 * The part that all STM32 ports share. It is not a port itself: the port.c of a family
 * includes it once, because it defines functions of port.h.
 *
 * Before the #include, a family's port.c defines:
 *
 *   GPIOB                    base address of GPIO port B; PB0 is the trigger pin
 *   RCC_USARTEN, _BIT        the register and the bit that clock the USART
 *   RCC_TIMEN                the register that clocks TIM2 and TIM5
 *   USART_CR1, USART_BRR     registers of the USART
 *   USART_CR1_UE             the bit that enables the USART
 *   USART_STATUS             the register with RXNE, TXE and ORE
 *   USART_TRANSMIT           the register that takes the next byte
 *   USART_INTERRUPT          the USART's number in the vector table
 *
 * After it, the family's port.c defines chip_init(), the receive interrupt and its vector.
 *
 * Registers: RM0090 (F4) and RM0351 (L4), the register descriptions of GPIO, TIM2 to TIM5
 * and USART.
 */
#ifndef STM32_H
#define STM32_H

#include "cortexm.h"
#include "port.h"

#define HSI_HZ 16000000U /* the internal oscillator: HSI of the F4, HSI16 of the L4 */

#define GPIO_MODER(port) REGISTER((port) + 0x00U)
#define GPIO_MODER_OUTPUT 1U
#define GPIO_MODER_ALTERNATE 2U
#define GPIO_PUPDR(port) REGISTER((port) + 0x0CU)
#define GPIO_PUPDR_UP 1U
#define GPIO_BSRR(port) REGISTER((port) + 0x18U)
#define GPIO_AFRL(port) REGISTER((port) + 0x20U)
#define GPIO_AFRH(port) REGISTER((port) + 0x24U)

#define RCC_TIMEN_TIM2 (1U << 0)
#define RCC_TIMEN_TIM5 (1U << 3)

#define USART_CR1_RE (1U << 2)
#define USART_CR1_TE (1U << 3)
#define USART_CR1_RXNEIE (1U << 5)
#define USART_STATUS_ORE (1U << 3)
#define USART_STATUS_RXNE (1U << 5)
#define USART_STATUS_TXE (1U << 7)

#define TIM2 0x40000000U /* TIM2 and TIM5 are the timers with 32 bits */
#define TIM5 0x40000C00U
#define TIM_CR1(timer) REGISTER((timer) + 0x00U)
#define TIM_CR1_CEN (1U << 0)
#define TIM_EGR(timer) REGISTER((timer) + 0x14U)
#define TIM_EGR_UG (1U << 0)
#define TIM_CNT(timer) REGISTER((timer) + 0x24U)
#define TIM_PSC(timer) REGISTER((timer) + 0x28U)
#define TIM_ARR(timer) REGISTER((timer) + 0x2CU)

/* The family's part of port_init(): clocks and pins. */
static void chip_init(void);

/* Replaces the bits of `mask` by those of `value`. */
static void set_bits(volatile uint32_t *target, uint32_t mask, uint32_t value) {
    *target = (*target & ~mask) | value;
}

/* Sets the two bits of `pin` in a MODER or PUPDR. */
static void set_pin(volatile uint32_t *field, uint32_t pin, uint32_t value) {
    set_bits(field, 3U << (2U * pin), value << (2U * pin));
}

static void usart_init(void) {
    RCC_USARTEN |= RCC_USARTEN_BIT;
    USART_BRR = (HSI_HZ + BAUD / 2U) / BAUD;
    USART_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    nvic_enable(USART_INTERRUPT);
}

static void timer_start(uint32_t timer, uint32_t prescaler) {
    TIM_PSC(timer) = prescaler;
    TIM_ARR(timer) = 0xFFFFFFFFU;
    TIM_EGR(timer) = TIM_EGR_UG; /* makes PSC and ARR take effect at once */
    TIM_CR1(timer) = TIM_CR1_CEN;
}

/* TIM2 counts ticks if there is no DWT, TIM5 is the coarse counter. */
static void timers_init(void) {
    RCC_TIMEN |= RCC_TIMEN_TIM2 | RCC_TIMEN_TIM5;
    timer_start(TIM2, 0);
    timer_start(TIM5, 0xFFFFU); /* 2^16 times slower */
}

void port_init(void) {
    chip_init();
    usart_init();
    timers_init();
    counter_init(&TIM_CNT(TIM2), "tim2");
}

uint32_t port_coarse(void) {
    return TIM_CNT(TIM5);
}

void port_write(uint8_t byte) {
    while ((USART_STATUS & USART_STATUS_TXE) == 0U) {
    }
    USART_TRANSMIT = byte;
}

void port_trigger(int high) {
    GPIO_BSRR(GPIOB) = high ? 1U : 1U << 16;
}

#endif
