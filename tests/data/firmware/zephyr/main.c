/*
 * An application with the lines of `harness link add` for Zephyr, and a stand-in for what it uses
 * of Zephyr: a UART by interrupt, and a semaphore. Its "model" copies four bytes.
 *
 * Registers: RM0090, the register descriptions of RCC, GPIO and USART.
 */
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>

#include "zephyr_link.h"

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
#define RXNE (1U << 5)
#define NVIC_ISER1 REGISTER(0xE000E104)

const struct device devices[3] = {[1] = {.is_ready = true}};

static uart_irq_callback_user_data_t callback;

void usart1_interrupt(void) {
    callback(&devices[1], NULL);
}

int uart_irq_callback_user_data_set(const struct device *device,
                                    uart_irq_callback_user_data_t function, void *user_data) {
    (void)device;
    (void)user_data;
    callback = function;
    return 0;
}

void uart_irq_rx_enable(const struct device *device) {
    (void)device;
    USART1_CR1 |= RXNE;
    NVIC_ISER1 = 1U << (USART1_INTERRUPT - 32U);
}

int uart_irq_update(const struct device *device) {
    (void)device;
    return 1;
}

int uart_irq_rx_ready(const struct device *device) {
    (void)device;
    return (USART1_SR & RXNE) != 0U;
}

int uart_fifo_read(const struct device *device, uint8_t *data, int size) {
    (void)device;
    (void)size;
    *data = (uint8_t)USART1_DR;
    return 1;
}

void uart_poll_out(const struct device *device, unsigned char byte) {
    (void)device;
    while ((USART1_SR & 1U << 7) == 0U) { /* TXE */
    }
    USART1_DR = byte;
}

void k_sem_give(struct k_sem *semaphore) {
    semaphore->count = semaphore->limit;
}

/* Masked, an interrupt ends the WFI all the same, and is not slept over. */
int k_sem_take(struct k_sem *semaphore, int timeout) {
    (void)timeout;
    while (semaphore->count == 0U) {
        __asm volatile("cpsid i" ::: "memory");
        if (semaphore->count == 0U) {
            __asm volatile("wfi");
        }
        __asm volatile("cpsie i\n isb" ::: "memory");
    }
    semaphore->count = 0U;
    return 0;
}

static int8_t input[4], output[4];

static int model(void) {
    for (uint32_t i = 0; i < sizeof(input); i++) {
        output[i] = input[i];
    }
    return 0;
}

static link_result_t run(void) {
    return link_measure(model);
}

static const link_device_t device = {
    .write = link_uart_write,
    .run = run,
    .count = link_count,
    .build_id = link_build_id,
    .counter = "dwt",
    .input = input,
    .input_size = sizeof(input),
    .output = output,
    .output_size = sizeof(output),
};

int main(void) {
    RCC_AHB1ENR |= 1U << 0;                       /* port A */
    RCC_APB2ENR |= 1U << 4;                       /* USART1 */
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0U) | 0x770U; /* PA9, PA10: AF7 */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFU << 18)) | 0xAU << 18;
    USART1_BRR = 16000000U / 115200U;
    USART1_CR1 = 1U << 13 | 1U << 3 | 1U << 2; /* UE, TE, RE */
    link_start_dwt();
    return link_serve(&device);
}
