/*
 * STM32F4: the serial line is USART1 on PA9 (TX) and PA10 (RX), or USART3 on PD8 (TX) and
 * PD9 (RX). Ticks come from the DWT, or from TIM2 if there is no DWT. The trigger pin is PB0.
 *
 * After reset, the core and both buses run from HSI at 16 MHz. The port waits for no clock,
 * so the same image runs on emulators that do not model clocks.
 * Registers: RM0090, the register descriptions of RCC and USART; stm32/stm32.h has the rest.
 */
#include "port.h"

#include "cortexm.h"

#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_AHB1ENR_GPIOB (1U << 1)
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB2ENR REGISTER(0x40023844)
#define RCC_TIMEN RCC_APB1ENR

#if defined(USART3)
#define RCC_AHB1ENR_GPIO_USART (1U << 3)
#define RCC_USARTEN RCC_APB1ENR
#define RCC_USARTEN_BIT (1U << 18)
#define GPIO_USART 0x40020C00U /* port D */
#define PIN_TX 8U
#define PIN_RX 9U
#define USART 0x40004800U
#define USART_INTERRUPT 39U /* RM0090, NVIC vector table */
#else
#define RCC_AHB1ENR_GPIO_USART (1U << 0)
#define RCC_USARTEN RCC_APB2ENR
#define RCC_USARTEN_BIT (1U << 4)
#define GPIO_USART 0x40020000U /* port A */
#define PIN_TX 9U
#define PIN_RX 10U
#define USART 0x40011000U
#define USART_INTERRUPT 37U
#endif

#define GPIOB 0x40020400U

#define USART_STATUS REGISTER(USART + 0x00U) /* SR */
#define USART_DR REGISTER(USART + 0x04U)
#define USART_TRANSMIT USART_DR
#define USART_BRR REGISTER(USART + 0x08U)
#define USART_CR1 REGISTER(USART + 0x0CU)
#define USART_CR1_UE (1U << 13)

#include "stm32/stm32.h"

static void chip_init(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO_USART | RCC_AHB1ENR_GPIOB;
    uint32_t shift = 4U * (PIN_TX - 8U); /* both pins are in AFRH, side by side */
    set_bits(&GPIO_AFRH(GPIO_USART), 0xFFU << shift, 0x77U << shift); /* AF7 */
    set_pin(&GPIO_PUPDR(GPIO_USART), PIN_RX, GPIO_PUPDR_UP); /* an open RX line reads as idle */
    set_pin(&GPIO_MODER(GPIO_USART), PIN_TX, GPIO_MODER_ALTERNATE);
    set_pin(&GPIO_MODER(GPIO_USART), PIN_RX, GPIO_MODER_ALTERNATE);
    set_pin(&GPIO_MODER(GPIOB), 0U, GPIO_MODER_OUTPUT);
    port_trigger(0);
}

static void usart_interrupt(void) {
    /* DR is read only if a flag is set: reading it without one could discard a byte that
     * arrives between the two reads. Reading SR and then DR clears an overrun. */
    uint32_t status;
    while (((status = USART_STATUS) & (USART_STATUS_RXNE | USART_STATUS_ORE)) != 0U) {
        uint8_t byte = (uint8_t)USART_DR;
        if ((status & USART_STATUS_RXNE) != 0U) {
            ring_put(byte);
        }
    }
}

PORT_VECTORS static const vector_t vectors[USART_INTERRUPT + 1U] = {
    [USART_INTERRUPT] = usart_interrupt,
};
