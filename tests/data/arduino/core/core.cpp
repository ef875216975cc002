/*
 * Start-up, Serial1 and the time, on an nRF52840 behind a bootloader that has set VTOR. Registers:
 * nRF52840 Product Specification, chapters UART and TIMER.
 */
#include <string.h>

#include "Arduino.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define UART_STARTRX REGISTER(0x40002000U)
#define UART_STARTTX REGISTER(0x40002008U)
#define UART_RXDRDY REGISTER(0x40002108U)
#define UART_TXDRDY REGISTER(0x4000211CU)
#define UART_INTENSET REGISTER(0x40002304U)
#define UART_ENABLE REGISTER(0x40002500U)
#define UART_PSELTXD REGISTER(0x4000250CU)
#define UART_PSELRXD REGISTER(0x40002514U)
#define UART_RXD REGISTER(0x40002518U)
#define UART_TXD REGISTER(0x4000251CU)
#define UART_BAUDRATE REGISTER(0x40002524U)
#define UART_INTERRUPT 2U
#define TIMER0_START REGISTER(0x40008000U)
#define TIMER0_CAPTURE REGISTER(0x40008040U)
#define TIMER0_BITMODE REGISTER(0x40008508U)
#define TIMER0_PRESCALER REGISTER(0x40008510U)
#define TIMER0_CC REGISTER(0x40008540U)
#define NVIC_ISER0 REGISTER(0xE000E100U)

#define RING 256U /* as in Arduino's core for Mbed OS */

static uint8_t ring[RING];
static volatile uint32_t head, tail;

UART Serial1;

static void uart_interrupt() {
    while (UART_RXDRDY != 0U) {
        UART_RXDRDY = 0;
        uint8_t byte = (uint8_t)UART_RXD;
        if (head - tail < RING) {
            ring[head % RING] = byte;
            head = head + 1U;
        }
    }
}

void UART::begin(unsigned long baud) {
    UART_PSELTXD = 35; /* P1.03 and P1.10: TX and RX of the header */
    UART_PSELRXD = 42;
    UART_BAUDRATE = (uint32_t)((((uint64_t)baud << 32) / 16000000U + 0x800U) & 0xFFFFF000U);
    UART_ENABLE = 4;
    UART_INTENSET = 1U << 2; /* RXDRDY */
    NVIC_ISER0 = 1U << UART_INTERRUPT;
    UART_STARTRX = 1;
    UART_STARTTX = 1;
}

size_t UART::write(uint8_t byte) {
    UART_TXDRDY = 0;
    UART_TXD = byte;
    while (UART_TXDRDY == 0U) {
    }
    return 1;
}

size_t UART::write(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        write(bytes[i]);
    }
    return size;
}

void UART::flush() {
}

int UART::available() {
    return (int)(head - tail);
}

int UART::peek() {
    return available() != 0 ? ring[tail % RING] : -1;
}

int UART::read() {
    int byte = peek();
    if (byte >= 0) {
        tail = tail + 1U;
    }
    return byte;
}

unsigned long micros() {
    TIMER0_CAPTURE = 1;
    return TIMER0_CC;
}

unsigned long millis() {
    return micros() / 1000U;
}

extern "C" {
extern uint32_t stack_top[];
extern uint8_t data_start[], data_end[], data_image[], bss_start[], bss_end[];
typedef void (*function_t)();
extern function_t init_start[], init_end[];

void reset_handler() {
    memcpy(data_start, data_image, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    for (function_t *init = init_start; init < init_end; init++) {
        (*init)();
    }
    TIMER0_BITMODE = 3;   /* 32 bits */
    TIMER0_PRESCALER = 4; /* 1 MHz */
    TIMER0_START = 1;
    setup();
    for (;;) {
        loop();
    }
}

static void stop() {
    for (;;) {
    }
}

union vector_t {
    uint32_t *stack;
    function_t handler;
};

__attribute__((section(".vectors"), used)) const vector_t vectors[16 + UART_INTERRUPT + 1] = {
    {stack_top},
    {(uint32_t *)reset_handler},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {nullptr},
    {nullptr},
    {nullptr},
    {nullptr},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {nullptr},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)stop},
    {(uint32_t *)uart_interrupt},
};
}
