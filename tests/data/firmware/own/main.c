/*
 * A firmware that knows nothing of the harness but the link: an STM32F4 with its own start-up,
 * link script, heap and interrupts. Its "model" copies four bytes, unless the first of them says
 * to misbehave, and takes DEPTH bytes of stack for it.
 *
 * Registers: RM0090, the register descriptions of RCC, GPIO and USART.
 */
#include <stdint.h>
#include <stdlib.h>

#include "link.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB1ENR REGISTER(0x40023840)
#define RCC_APB2ENR REGISTER(0x40023844)
#define GPIOA_MODER REGISTER(0x40020000)
#define GPIOA_AFRH REGISTER(0x40020024)
#define USART1_SR REGISTER(0x40011000)
#define USART1_DR REGISTER(0x40011004)
#define USART1_BRR REGISTER(0x40011008)
#define USART1_CR1 REGISTER(0x4001100C)
#define USART1_INTERRUPT 37U
#define TIM2_CR1 REGISTER(0x40000000)
#define TIM2_CNT REGISTER(0x40000024)
#define NVIC_ISER1 REGISTER(0xE000E104)

#ifndef DEPTH
#define DEPTH 2000
#endif

enum { BEHAVE, UNDEFINED, READ_UNMAPPED }; /* as in ../misbehaving */

static int8_t tensor[4];
static uint8_t ring[LINK_WINDOW];
static volatile uint32_t head, tail;

/* What starts with it, before main(): a section that is copied into core-coupled memory, and one
 * that keeps what was there. */
#ifndef NO_CCM
__attribute__((section(".ccmram")))
#endif
volatile uint32_t fast = 0x12345678U;
__attribute__((section(".noinit"))) uint32_t resets;

void usart1_interrupt(void) {
    if ((USART1_SR & 1U << 5) != 0U) { /* RXNE */
        ring[head % LINK_WINDOW] = (uint8_t)USART1_DR;
        head += 1U;
    }
}

/* Sleeps until a byte comes. Masked, an interrupt ends the WFI all the same, and is not slept
 * over. */
static void wait(void) {
    while (tail == head) {
        __asm volatile("cpsid i" ::: "memory");
        if (tail == head) {
            __asm volatile("wfi");
        }
        __asm volatile("cpsie i\n isb" ::: "memory");
    }
}

static void uart_write(uint8_t byte) {
    while ((USART1_SR & 1U << 7) == 0U) { /* TXE */
    }
    USART1_DR = byte;
}

static void uart_init(void) {
    RCC_AHB1ENR |= 1U << 0;                       /* port A */
    RCC_APB2ENR |= 1U << 4;                       /* USART1 */
    GPIOA_AFRH = (GPIOA_AFRH & ~0xFF0U) | 0x770U; /* PA9, PA10: AF7 */
    GPIOA_MODER = (GPIOA_MODER & ~(0xFU << 18)) | 0xAU << 18;
    USART1_BRR = 16000000U / 115200U;
    USART1_CR1 = 1U << 13 | 1U << 5 | 1U << 3 | 1U << 2; /* UE, RXNEIE, TE, RE */
    NVIC_ISER1 = 1U << (USART1_INTERRUPT - 32U);
}

#ifdef FAULTS /* enabled as an RTOS does, and handled as FAULTS says */
#define LOOP 1
#define PRINT 2
#define RECOVER 3
#define SHCSR REGISTER(0xE000ED24)
#define CFSR REGISTER(0xE000ED28)

#if FAULTS == PRINT
__attribute__((noinline)) static void print(const char *text) {
    while (*text != '\0') {
        uart_write((uint8_t)*text++);
    }
}
#endif

__attribute__((used)) static void handle_fault(uint32_t *frame) {
#if FAULTS == PRINT
    for (;;) {
        print("fault\r\n");
    }
#elif FAULTS == RECOVER
    for (volatile uint32_t i = 0; i < 30000000U; i++) { /* so long that the host looks */
    }
    CFSR = CFSR;
    frame[6] += 2U; /* behind the instruction */
#endif
    (void)frame;
}

#if FAULTS == LOOP
void UsageFault_Handler(void) {
    for (;;) {
    }
}
#else
__attribute__((naked)) void UsageFault_Handler(void) {
    __asm volatile("mrs r0, msp\n b handle_fault");
}
#endif
#endif

__attribute__((noinline)) static void model(void) {
    volatile uint8_t work[DEPTH];
    work[0] = (uint8_t)tensor[0];
    if (work[0] == UNDEFINED) {
        __asm volatile("udf #0");
    } else if (work[0] == READ_UNMAPPED) {
        (void)REGISTER(0x60000000);
    }
}

__attribute__((noinline)) uint32_t port_ticks(void) { /* Renode looks for this name */
    return TIM2_CNT;
}

static link_result_t run(void) {
    link_result_t result = {0};
    uint32_t start = port_ticks();
    model();
    result.ticks = port_ticks() - start;
    return result;
}

#ifdef SWO_TEXT
/* As CMSIS's ITM_SendChar, with the ITM enabled as a debugger does. */
static void swo_print(const char *text) {
    REGISTER(0xE000EDFC) |= 1U << 24; /* DEMCR: TRCENA */
    REGISTER(0xE0000FB0) = 0xC5ACCE55U;
    REGISTER(0xE0000E80) = 1U;
    REGISTER(0xE0000E00) = 1U;
    while (*text != '\0') {
        while (REGISTER(0xE0000000) == 0U) {
        }
        *(volatile uint8_t *)0xE0000000U = (uint8_t)*text++;
    }
}
#endif

int main(void) {
#ifdef RESETS                           /* as Nordic's start-up code does, once for each chip */
    REGISTER(0xE000ED0C) = 0x05FA0004U; /* AIRCR: SYSRESETREQ */
#endif
#ifdef SWO_TEXT
    swo_print("text over SWO\n");
#endif
    uart_init();
#ifdef FAULTS
    SHCSR |= 7U << 16;
#endif
    RCC_APB1ENR |= 1U << 0; /* TIM2, which counts at the clock's frequency */
    TIM2_CR1 = 1U;
    resets += 1U;
    char *heap = malloc(1000);
    for (int i = 0; heap != NULL && fast == 0x12345678U && i < 1000; i++) {
        heap[i] = (char)i;
    }
    static link_device_t device = {
        .write = uart_write,
        .run = run,
        .build_id = link_build_id,
        .counter = "tim2",
        .input = tensor,
        .input_size = sizeof(tensor),
        .output = tensor,
        .output_size = sizeof(tensor),
    };
    link_start(&device);
    link_log(heap != NULL ? "own firmware" : "no heap");
    for (;;) {
        wait();
        link_receive(ring[tail % LINK_WINDOW]);
        tail += 1U;
    }
}
