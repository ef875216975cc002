/*
 * STM32L4: the serial line is USART1 on PB6 (TX) and PB7 (RX). Ticks come from the DWT, or
 * from TIM2 if there is no DWT. The trigger pin is PB0.
 *
 * The core runs from HSI16 at 16 MHz, without flash wait states.
 * Registers: RM0351, the register descriptions of RCC and USART; stm32/stm32.h has the rest.
 */
#include "port.h"

#include "cortexm.h"

#define HSI16_START_LOOPS 10000U /* far longer than the few microseconds that HSI16 needs */

#define RCC_CR REGISTER(0x40021000)
#define RCC_CR_HSION (1U << 8)
#define RCC_CR_HSIRDY (1U << 10)
#define RCC_CFGR REGISTER(0x40021008)
#define RCC_CFGR_SW 3U
#define RCC_CFGR_SW_HSI16 1U
#define RCC_AHB2ENR REGISTER(0x4002104C)
#define RCC_AHB2ENR_GPIOB (1U << 1)
#define RCC_APB1ENR1 REGISTER(0x40021058)
#define RCC_APB2ENR REGISTER(0x40021060)
#define RCC_TIMEN RCC_APB1ENR1
#define RCC_USARTEN RCC_APB2ENR
#define RCC_USARTEN_BIT (1U << 14) /* USART1 */

#define GPIOB 0x48000400U

#define USART1 0x40013800U
#define USART_CR1 REGISTER(USART1 + 0x00U)
#define USART_CR1_UE (1U << 0)
#define USART_BRR REGISTER(USART1 + 0x0CU)
#define USART_STATUS REGISTER(USART1 + 0x1CU) /* ISR */
#define USART_ICR REGISTER(USART1 + 0x20U)
#define USART_RDR REGISTER(USART1 + 0x24U)
#define USART_TRANSMIT REGISTER(USART1 + 0x28U) /* TDR */
#define USART_INTERRUPT 37U                     /* RM0351, NVIC vector table */

#include "stm32/stm32.h"

static void clock_init(void) {
    RCC_CR |= RCC_CR_HSION;
    /* The wait is bounded: an emulator may never set the flag, and needs no wait. */
    for (uint32_t i = 0; i < HSI16_START_LOOPS && (RCC_CR & RCC_CR_HSIRDY) == 0U; i++) {
    }
    set_bits(&RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_HSI16);
}

static void pins_init(void) {
    RCC_AHB2ENR |= RCC_AHB2ENR_GPIOB;
    set_bits(&GPIO_AFRL(GPIOB), 0xFF000000U, 0x77000000U); /* PB6 and PB7: AF7 */
    set_pin(&GPIO_PUPDR(GPIOB), 7U, GPIO_PUPDR_UP);        /* an open RX line reads as idle */
    set_bits(&GPIO_MODER(GPIOB), 0xFU << 12, 0xAU << 12);  /* PB6 and PB7: alternate function */
    set_pin(&GPIO_MODER(GPIOB), 0U, GPIO_MODER_OUTPUT);
    port_trigger(0);
}

static void chip_init(void) {
    clock_init();
    pins_init();
}

static void usart_interrupt(void) {
    uint32_t status;
    while (((status = USART_STATUS) & (USART_STATUS_RXNE | USART_STATUS_ORE)) != 0U) {
        if ((status & USART_STATUS_RXNE) != 0U) {
            ring_put((uint8_t)USART_RDR);
        }
        USART_ICR = USART_STATUS_ORE; /* after an overrun; the frame's CRC shows the lost byte */
    }
}

PORT_VECTORS static const vector_t vectors[USART_INTERRUPT + 1U] = {
    [USART_INTERRUPT] = usart_interrupt,
};
