/*
 * STM32F4: bytes through USART1 on PA9 (TX) and PA10 (RX), or USART3 on PD8 and
 * PD9, ticks from TIM2 where there is no DWT, the trigger on PB0.
 *
 * After reset the chip runs from HSI, 16 MHz, and so do both buses; nothing
 * here waits for a clock, so the same image runs on emulators that have none.
 * Registers: RM0090, the register descriptions of RCC, GPIO, TIM2 to TIM5 and USART.
 */
#include "port.h"

#include "cortexm.h"

#define HSI_HZ 16000000U

#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_AHB1ENR_GPIOB (1U << 1)
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB1ENR_TIM2 (1U << 0)
#define RCC_APB1ENR_TIM5 (1U << 3)
#define RCC_APB2ENR REGISTER(0x40023844)

#if defined(USART3)
#define RCC_AHB1ENR_GPIO_UART (1U << 3)
#define RCC_UARTENR RCC_APB1ENR
#define RCC_UARTENR_UART (1U << 18)
#define UART_PINS 0x40020C00U /* port D */
#define PIN_TX 8U
#define PIN_RX 9U
#define UART 0x40004800U
#define UART_INTERRUPT 39U /* RM0090, NVIC vector table */
#else
#define RCC_AHB1ENR_GPIO_UART (1U << 0)
#define RCC_UARTENR RCC_APB2ENR
#define RCC_UARTENR_UART (1U << 4)
#define UART_PINS 0x40020000U /* port A */
#define PIN_TX 9U
#define PIN_RX 10U
#define UART 0x40011000U
#define UART_INTERRUPT 37U
#endif

#define UART_MODER REGISTER(UART_PINS + 0x00U)
#define UART_PUPDR REGISTER(UART_PINS + 0x0CU)
#define UART_AFRH REGISTER(UART_PINS + 0x24U)
#define GPIOB_MODER REGISTER(0x40020400)
#define GPIOB_BSRR REGISTER(0x40020418)

#define UART_SR REGISTER(UART + 0x00U)
#define UART_SR_ORE (1U << 3)
#define UART_SR_RXNE (1U << 5)
#define UART_SR_TXE (1U << 7)
#define UART_DR REGISTER(UART + 0x04U)
#define UART_BRR REGISTER(UART + 0x08U)
#define UART_CR1 REGISTER(UART + 0x0CU)
#define UART_CR1_RE (1U << 2)
#define UART_CR1_TE (1U << 3)
#define UART_CR1_RXNEIE (1U << 5)
#define UART_CR1_UE (1U << 13)

#define TIM2 0x40000000U /* the two timers of 32 bits */
#define TIM5 0x40000C00U
#define TIM_CR1(timer) REGISTER((timer) + 0x00U)
#define TIM_CR1_CEN (1U << 0)
#define TIM_EGR(timer) REGISTER((timer) + 0x14U)
#define TIM_EGR_UG (1U << 0)
#define TIM_CNT(timer) REGISTER((timer) + 0x24U)
#define TIM_PSC(timer) REGISTER((timer) + 0x28U)
#define TIM_ARR(timer) REGISTER((timer) + 0x2CU)

/* Sets the two bits of `pin` in a MODER or PUPDR. */
static void set_pin(volatile uint32_t *field, uint32_t pin, uint32_t value) {
    *field = (*field & ~(3U << (2U * pin))) | value << (2U * pin);
}

static void pins_init(void) {
    RCC_AHB1ENR |= RCC_AHB1ENR_GPIO_UART | RCC_AHB1ENR_GPIOB;
    uint32_t shift = 4U * (PIN_TX - 8U); /* both pins are in the high half, side by side */
    UART_AFRH = (UART_AFRH & ~(0xFFU << shift)) | 0x77U << shift; /* AF7 */
    set_pin(&UART_PUPDR, PIN_RX, 1U);                             /* idles high unplugged */
    set_pin(&UART_MODER, PIN_TX, 2U);
    set_pin(&UART_MODER, PIN_RX, 2U);
    set_pin(&GPIOB_MODER, 0U, 1U); /* PB0: output */
    port_trigger(0);
}

static void usart_init(void) {
    RCC_UARTENR |= RCC_UARTENR_UART;
    UART_BRR = (HSI_HZ + BAUD / 2U) / BAUD;
    UART_CR1 = UART_CR1_UE | UART_CR1_TE | UART_CR1_RE | UART_CR1_RXNEIE;
    nvic_enable(UART_INTERRUPT);
}

static void timer_start(uint32_t timer, uint32_t prescaler) {
    TIM_PSC(timer) = prescaler;
    TIM_ARR(timer) = 0xFFFFFFFFU;
    TIM_EGR(timer) = TIM_EGR_UG; /* takes PSC and ARR over at once */
    TIM_CR1(timer) = TIM_CR1_CEN;
}

static void timers_init(void) {
    RCC_APB1ENR |= RCC_APB1ENR_TIM2 | RCC_APB1ENR_TIM5;
    timer_start(TIM2, 0);
    timer_start(TIM5, 0xFFFFU); /* 2^16 times slower */
}

void port_init(void) {
    pins_init();
    usart_init();
    timers_init();
    counter_init(&TIM_CNT(TIM2), "tim2");
}

uint32_t port_coarse(void) {
    return TIM_CNT(TIM5);
}

void port_write(uint8_t byte) {
    while ((UART_SR & UART_SR_TXE) == 0U) {
    }
    UART_DR = byte;
}

void port_trigger(int high) {
    GPIOB_BSRR = high ? 1U : 1U << 16;
}

static void uart_interrupt(void) {
    /* DR is read only when a flag asks for it: a byte that arrives between the two
     * reads would be thrown away. An overrun is cleared by reading SR, then DR. */
    uint32_t status;
    while (((status = UART_SR) & (UART_SR_RXNE | UART_SR_ORE)) != 0U) {
        uint8_t byte = (uint8_t)UART_DR;
        if ((status & UART_SR_RXNE) != 0U) {
            ring_put(byte);
        }
    }
}

PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
