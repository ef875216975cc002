/*
 * STM32L4: bytes through USART1 on PB6 (TX) and PB7 (RX), ticks from TIM2
 * where there is no DWT, the trigger on PB0.
 *
 * The core runs from HSI16, 16 MHz, with no flash wait states. Registers:
 * RM0351, the register descriptions of RCC, GPIO, TIM2 to TIM5 and USART.
 */
#include "port.h"

#include "cortexm.h"

#define HSI16_HZ 16000000U
#define HSI16_START_LOOPS 10000U /* far more than the few us it takes */

#define RCC_CR REGISTER(0x40021000)
#define RCC_CR_HSION (1U << 8)
#define RCC_CR_HSIRDY (1U << 10)
#define RCC_CFGR REGISTER(0x40021008)
#define RCC_CFGR_SW_HSI16 1U
#define RCC_AHB2ENR REGISTER(0x4002104C)
#define RCC_AHB2ENR_GPIOB (1U << 1)
#define RCC_APB1ENR1 REGISTER(0x40021058)
#define RCC_APB1ENR1_TIM2 (1U << 0)
#define RCC_APB1ENR1_TIM5 (1U << 3)
#define RCC_APB2ENR REGISTER(0x40021060)
#define RCC_APB2ENR_USART1 (1U << 14)

#define GPIOB_MODER REGISTER(0x48000400)
#define GPIOB_PUPDR REGISTER(0x4800040C)
#define GPIOB_BSRR REGISTER(0x48000418)
#define GPIOB_AFRL REGISTER(0x48000420)

#define USART1_CR1 REGISTER(0x40013800)
#define USART_CR1_UE (1U << 0)
#define USART_CR1_RE (1U << 2)
#define USART_CR1_TE (1U << 3)
#define USART_CR1_RXNEIE (1U << 5)
#define USART1_BRR REGISTER(0x4001380C)
#define USART1_ISR REGISTER(0x4001381C)
#define USART_ISR_ORE (1U << 3)
#define USART_ISR_RXNE (1U << 5)
#define USART_ISR_TXE (1U << 7)
#define USART1_ICR REGISTER(0x40013820)
#define USART1_RDR REGISTER(0x40013824)
#define USART1_TDR REGISTER(0x40013828)
#define USART1_INTERRUPT 37U /* RM0351, NVIC vector table */

#define TIM2 0x40000000U /* the two timers of 32 bits */
#define TIM5 0x40000C00U
#define TIM_CR1(timer) REGISTER((timer) + 0x00U)
#define TIM_CR1_CEN (1U << 0)
#define TIM_EGR(timer) REGISTER((timer) + 0x14U)
#define TIM_EGR_UG (1U << 0)
#define TIM_CNT(timer) REGISTER((timer) + 0x24U)
#define TIM_PSC(timer) REGISTER((timer) + 0x28U)
#define TIM_ARR(timer) REGISTER((timer) + 0x2CU)

static void clock_init(void) {
    RCC_CR |= RCC_CR_HSION;
    /* Bounded: an emulator may never report it ready, and does not need it. */
    for (uint32_t i = 0; i < HSI16_START_LOOPS && (RCC_CR & RCC_CR_HSIRDY) == 0U; i++) {
    }
    RCC_CFGR = (RCC_CFGR & ~3U) | RCC_CFGR_SW_HSI16;
}

static void pins_init(void) {
    RCC_AHB2ENR |= RCC_AHB2ENR_GPIOB;
    GPIOB_AFRL = (GPIOB_AFRL & ~0xFF000000U) | 0x77000000U; /* PB6, PB7: AF7 */
    GPIOB_PUPDR = (GPIOB_PUPDR & ~(3U << 14)) | (1U << 14); /* RX idles high unplugged */
    GPIOB_MODER = (GPIOB_MODER & ~(0xFU << 12)) | (0xAU << 12);
    GPIOB_MODER = (GPIOB_MODER & ~3U) | 1U; /* PB0: output */
    port_trigger(0);
}

static void usart_init(void) {
    RCC_APB2ENR |= RCC_APB2ENR_USART1;
    USART1_BRR = (HSI16_HZ + BAUD / 2U) / BAUD;
    USART1_CR1 = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    nvic_enable(USART1_INTERRUPT);
}

static void timer_start(uint32_t timer, uint32_t prescaler) {
    TIM_PSC(timer) = prescaler;
    TIM_ARR(timer) = 0xFFFFFFFFU;
    TIM_EGR(timer) = TIM_EGR_UG; /* takes PSC and ARR over at once */
    TIM_CR1(timer) = TIM_CR1_CEN;
}

static void timers_init(void) {
    RCC_APB1ENR1 |= RCC_APB1ENR1_TIM2 | RCC_APB1ENR1_TIM5;
    timer_start(TIM2, 0);
    timer_start(TIM5, 0xFFFFU); /* 2^16 times slower */
}

void port_init(void) {
    clock_init();
    pins_init();
    usart_init();
    timers_init();
    counter_init(&TIM_CNT(TIM2), "tim2");
}

uint32_t port_coarse(void) {
    return TIM_CNT(TIM5);
}

void port_write(uint8_t byte) {
    while ((USART1_ISR & USART_ISR_TXE) == 0U) {
    }
    USART1_TDR = byte;
}

void port_trigger(int high) {
    GPIOB_BSRR = high ? 1U : 1U << 16;
}

static void usart1_interrupt(void) {
    uint32_t status;
    while (((status = USART1_ISR) & (USART_ISR_RXNE | USART_ISR_ORE)) != 0U) {
        if ((status & USART_ISR_RXNE) != 0U) {
            ring_put((uint8_t)USART1_RDR);
        }
        USART1_ICR = USART_ISR_ORE; /* a byte was lost; the frame's CRC will tell */
    }
}

PORT_VECTORS static const vector_t vectors[USART1_INTERRUPT + 1U] = {
    [USART1_INTERRUPT] = usart1_interrupt,
};
