/*
 * STM32F4: bytes through USART1 on PA9 (TX) and PA10 (RX), ticks from TIM2
 * where there is no DWT, the trigger on PB0.
 *
 * After reset the chip runs from HSI, 16 MHz, and so do both buses; nothing
 * here waits for a clock, so the same image runs on emulators that have none.
 * Registers: RM0090 rev 19, sections 7.3 (RCC), 8.4 (GPIO), 18.4 (TIM2 to
 * TIM5) and 30.6 (USART).
 */
#include "port.h"

#include "cortexm.h"

#define HSI_HZ 16000000U

#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_AHB1ENR_GPIOA (1U << 0)
#define RCC_AHB1ENR_GPIOB (1U << 1)
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB1ENR_TIM2 (1U << 0)
#define RCC_APB2ENR REGISTER(0x40023844)
#define RCC_APB2ENR_USART1 (1U << 4)

#define GPIOA_MODER REGISTER(0x40020000)
#define GPIOA_PUPDR REGISTER(0x4002000C)
#define GPIOA_AFRH REGISTER(0x40020024)
#define GPIOB_MODER REGISTER(0x40020400)
#define GPIOB_BSRR REGISTER(0x40020418)

#define USART1_SR REGISTER(0x40011000)
#define USART_SR_ORE (1U << 3)
#define USART_SR_RXNE (1U << 5)
#define USART_SR_TXE (1U << 7)
#define USART1_DR REGISTER(0x40011004)
#define USART1_BRR REGISTER(0x40011008)
#define USART1_CR1 REGISTER(0x4001100C)
#define USART_CR1_RE (1U << 2)
#define USART_CR1_TE (1U << 3)
#define USART_CR1_RXNEIE (1U << 5)
#define USART_CR1_UE (1U << 13)
#define USART1_INTERRUPT 37U /* RM0090, table 62 */

#define TIM2_CR1 REGISTER(0x40000000)
#define TIM_CR1_CEN (1U << 0)
#define TIM2_EGR REGISTER(0x40000014)
#define TIM_EGR_UG (1U << 0)
#define TIM2_CNT REGISTER(0x40000024)
#define TIM2_PSC REGISTER(0x40000028)
#define TIM2_ARR REGISTER(0x4000002C)

static void pins_init(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIOA | RCC_AHB1ENR_GPIOB;
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0U) | 0x770U;           /* PA9, PA10: AF7 */
    GPIOA_PUPDR = (GPIOA_PUPDR & ~(3U << 20)) | (1U << 20); /* RX idles high unplugged */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFU << 18)) | (0xAU << 18);
    GPIOB_MODER = (GPIOB_MODER & ~3U) | 1U; /* PB0: output */
    port_trigger(0);
}

static void usart_init(void) {
    RCC_APB2ENR |= RCC_APB2ENR_USART1;
    USART1_BRR = (HSI_HZ + BAUD / 2U) / BAUD;
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    nvic_enable(USART1_INTERRUPT);
}

static void timer_init(void) {
    RCC_APB1ENR |= RCC_APB1ENR_TIM2;
    TIM2_PSC = 0;
    TIM2_ARR = 0xFFFFFFFFU;
    TIM2_EGR = TIM_EGR_UG; /* takes PSC and ARR over at once */
    TIM2_CR1 = TIM_CR1_CEN;
}

void port_init(void) {
    pins_init();
    usart_init();
    timer_init();
    counter_init(&TIM2_CNT, "tim2");
}

void port_write(uint8_t byte) {
    while ((USART1_SR & USART_SR_TXE) == 0U) {
    }
    USART1_DR = byte;
}

void port_trigger(int high) {
    GPIOB_BSRR = high ? 1U : 1U << 16;
}

static void usart1_interrupt(void) {
    /* DR is read only when a flag asks for it: a byte that arrives between the two
     * reads would be thrown away. An overrun is cleared by reading SR, then DR. */
    uint32_t status;
    while (((status = USART1_SR) & (USART_SR_RXNE | USART_SR_ORE)) != 0U) {
        uint8_t byte = (uint8_t)USART1_DR;
        if ((status & USART_SR_RXNE) != 0U) {
            ring_put(byte);
        }
    }
}

PORT_VECTORS static const vector_t vectors[USART1_INTERRUPT + 1U] = {
    [USART1_INTERRUPT] = usart1_interrupt,
};
