/*
 * A firmware with the lines of `harness link add`: the link keeps the received bytes and measures.
 * Its "model" copies four bytes; ../objects has another one.
 *
 * Registers: RM0090, the register descriptions of RCC, GPIO and USART.
 */
#include <stdint.h>

#include "link.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB2ENR REGISTER(0x40023844)
#define GPIOA_MODER REGISTER(0x40020000)
#define GPIOA_AFRH REGISTER(0x40020024)
#define USART1_SR REGISTER(0x40011000)
#define USART1_DR REGISTER(0x40011004)
#define USART1_BRR REGISTER(0x40011008)
#define USART1_CR1 REGISTER(0x4001100C)
#define USART1_INTERRUPT 37U
#define NVIC_ISER1 REGISTER(0xE000E104)

static int8_t input[4], output[4];

void usart1_interrupt(void) {
    if ((USART1_SR & 1U << 5) != 0U) { /* RXNE */
        link_put((uint8_t)USART1_DR);
    }
}

static void send(uint8_t byte) {
    while ((USART1_SR & 1U << 7) == 0U) { /* TXE */
    }
    USART1_DR = byte;
}

__attribute__((weak)) void copy(const int8_t *from, int8_t *to, uint32_t size) {
    for (uint32_t i = 0; i < size; i++) {
        to[i] = from[i];
    }
}

static int model(void) {
    copy(input, output, sizeof(input));
    return 0;
}

static link_result_t run(void) {
    return link_measure(model);
}

static const link_device_t device = {
    .write = send,
    .run = run,
    .count = link_count,
    .build_id = link_build_id,
    .counter = "dwt",
    .input = input,
    .input_size = sizeof(input),
    .output = output,
    .output_size = sizeof(output),
};

static void uart_init(void) {
    RCC_AHB1ENR |= 1U << 0;                       /* port A */
    RCC_APB2ENR |= 1U << 4;                       /* USART1 */
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0U) | 0x770U; /* PA9, PA10: AF7 */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFU << 18)) | 0xAU << 18;
    USART1_BRR = 16000000U / 115200U;
    USART1_CR1 = 1U << 13 | 1U << 5 | 1U << 3 | 1U << 2; /* UE, RXNEIE, TE, RE */
    NVIC_ISER1 = 1U << (USART1_INTERRUPT - 32U);
}

int main(void) {
    uart_init();
    link_start_dwt();
    link_start(&device);
    link_log("pasted");
    for (;;) {
        link_wait();
        link_poll();
    }
}
