/*
 * Firmware that the tests of the virtual boards talk to: one letter, one answer.
 * Received bytes go by interrupt into a ring and the core sleeps, as in the
 * harness's own firmware; there is no initialised data.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#if defined(STM32F4)
#define USART 0x40011000U
#define UART_INTERRUPT 37
#define PIN_SET (REGISTER(0x40020418U) = 1U)
#define PIN_CLEAR (REGISTER(0x40020418U) = 1U << 16)
#elif defined(STM32L4)
#define USART 0x40013800U
#define UART_INTERRUPT 37
#define PIN_SET (REGISTER(0x48000418U) = 1U)
#define PIN_CLEAR (REGISTER(0x48000418U) = 1U << 16)
#elif defined(NRF91_UARTE)
#define UARTE 0x50008000U
#define UART_INTERRUPT 8
#define PIN_SET (REGISTER(0x50842518U) = 1U, REGISTER(0x50842508U) = 1U)
#define PIN_CLEAR (REGISTER(0x5084250CU) = 1U)
#else
#define UARTE 0x40002000U
#define UART_INTERRUPT 2
#define PIN_SET (REGISTER(0x50000518U) = 1U, REGISTER(0x50000508U) = 1U)
#define PIN_CLEAR (REGISTER(0x5000050CU) = 1U)
#endif

extern uint32_t stack_top[], bss_start[], bss_end[];

#define RING 8192U
static volatile uint8_t ring[RING];
static volatile uint32_t head, tail;
volatile uint32_t marker;
#ifdef BLOB
/* Ballast, to see how long flashing takes. */
__attribute__((used)) const uint8_t blob[] = {
#include "blob.inc"
};
#endif

static void put(uint32_t byte) {
    ring[head % RING] = (uint8_t)byte;
    head += 1U;
}

#if defined(STM32F4)
static void uart_init(void) {
    REGISTER(0x40020400U) = 1U;                             /* GPIOB_MODER: PB0 is an output */
    REGISTER(USART + 0x0CU) = 1U << 13 | 1U << 5 | 3U << 2; /* CR1: UE, RXNEIE, TE, RE */
}
static void uart_write(uint8_t byte) {
    while ((REGISTER(USART) & 1U << 7) == 0U) {
    }
    REGISTER(USART + 4U) = byte;
}
static void uart_interrupt(void) {
    while ((REGISTER(USART) & 1U << 5) != 0U) {
        put(REGISTER(USART + 4U));
    }
}
#elif defined(STM32L4)
static void uart_init(void) {
    REGISTER(0x48000400U) = 1U;               /* GPIOB_MODER: PB0 is an output */
    REGISTER(USART) = 1U << 5 | 3U << 2 | 1U; /* CR1: RXNEIE, TE, RE, UE */
}
static void uart_write(uint8_t byte) {
    while ((REGISTER(USART + 0x1CU) & 1U << 7) == 0U) {
    }
    REGISTER(USART + 0x28U) = byte;
}
static void uart_interrupt(void) {
    while ((REGISTER(USART + 0x1CU) & 1U << 5) != 0U) {
        put(REGISTER(USART + 0x24U));
    }
}
#elif defined(NRF_UART)
static void uart_init(void) {
    REGISTER(UARTE + 0x500U) = 4U;
    REGISTER(UARTE + 0x304U) = 1U << 2; /* RXDRDY */
    REGISTER(UARTE + 0x000U) = 1U;
    REGISTER(UARTE + 0x008U) = 1U;
}
static void uart_write(uint8_t byte) {
    REGISTER(UARTE + 0x51CU) = byte;
    while (REGISTER(UARTE + 0x11CU) == 0U) {
    }
    REGISTER(UARTE + 0x11CU) = 0U;
}
static void uart_interrupt(void) {
    while (REGISTER(UARTE + 0x108U) != 0U) {
        REGISTER(UARTE + 0x108U) = 0U;
        put(REGISTER(UARTE + 0x518U));
    }
}
#else
static volatile uint8_t in[1], out[1];
static void uart_init(void) {
    REGISTER(UARTE + 0x500U) = 8U;
    REGISTER(UARTE + 0x534U) = (uint32_t)in;
    REGISTER(UARTE + 0x538U) = sizeof(in);
    REGISTER(UARTE + 0x304U) = 1U << 4; /* ENDRX */
    REGISTER(UARTE + 0x000U) = 1U;
}
static void uart_write(uint8_t byte) {
    out[0] = byte;
    REGISTER(UARTE + 0x544U) = (uint32_t)out;
    REGISTER(UARTE + 0x548U) = sizeof(out);
    REGISTER(UARTE + 0x120U) = 0U;
    REGISTER(UARTE + 0x008U) = 1U;
    while (REGISTER(UARTE + 0x120U) == 0U) {
    }
}
static void uart_interrupt(void) {
    while (REGISTER(UARTE + 0x110U) != 0U) {
        REGISTER(UARTE + 0x110U) = 0U;
        put(in[0]);
        REGISTER(UARTE + 0x000U) = 1U;
    }
}
#endif

static uint8_t uart_read(void) {
    while (head == tail) {
        __asm volatile("cpsid i" ::: "memory");
        if (head == tail) {
            __asm volatile("wfi");
        }
        __asm volatile("cpsie i\n isb" ::: "memory");
    }
    uint8_t byte = ring[tail % RING];
    tail += 1U;
    return byte;
}

static uint32_t read_number(void) {
    uint32_t number = 0;
    for (uint32_t shift = 0; shift < 32U; shift += 8U) {
        number |= (uint32_t)uart_read() << shift;
    }
    return number;
}

static void print(const char *text) {
    while (*text != '\0') {
        uart_write((uint8_t)*text++);
    }
    uart_write('\n');
}

static void print_number(uint32_t number) {
    char text[11] = "0x00000000";
    for (uint32_t digit = 0; digit < 8U; digit++) {
        text[9U - digit] = "0123456789abcdef"[number >> 4U * digit & 15U];
    }
    print(text);
}

__attribute__((noinline)) void spin(uint32_t turns) {
    while (turns-- != 0U) {
        __asm volatile("");
    }
}

__attribute__((noinline)) static uint32_t cycles(void) {
    return REGISTER(0xE0001004U);
}

__attribute__((noinline)) static uint32_t measure(uint32_t turns) {
    uint32_t begin = cycles();
    spin(turns);
    return cycles() - begin;
}

__attribute__((noinline)) static uint32_t recurse(uint32_t depth) {
    volatile uint32_t frame[64];
    frame[depth % 64U] = depth;
    return (depth == 0U ? 0U : recurse(depth - 1U)) + frame[depth % 64U];
}

static void absorb(void) {
    uint32_t count = read_number();
    uint32_t sum = 0;
    while (count-- != 0U) {
        sum += uart_read();
    }
    print_number(sum);
}

static void send(void) {
    uint32_t count = read_number();
    for (uint32_t i = 0; i < count; i++) {
        uart_write((uint8_t)i);
    }
}

static void act(uint8_t command) {
    switch (command) {
    case 'p':
        print("pong");
        break;
    case 'm':
        print_number(measure(read_number()));
        break;
    case 'a':
        absorb();
        break;
    case 's':
        send();
        break;
    case 't':
        PIN_SET;
        spin(100);
        PIN_CLEAR;
        print("done");
        break;
    case 'h':
        print_number(REGISTER(0x60000000U));
        break;
    case 'o':
        print_number(recurse(1000));
        break;
    case 'l': /* the handler's stack is nowhere, and so is its frame's */
        marker = 1;
        __asm volatile("udf #0");
        break;
    case 'i':
        __asm volatile("cpsid i");
        for (;;) {
        }
    case 'r':
        REGISTER(0xE000ED0CU) = 0x05FA0004U;
        break;
    default:
        print("?");
    }
}

__attribute__((noreturn)) void reset(void) {
    for (uint32_t *word = bss_start; word < bss_end; word++) {
        *word = 0;
    }
    REGISTER(0xE000EDFCU) |= 1U << 24;
    REGISTER(0xE0001000U) |= 1U;
    uart_init();
    REGISTER(0xE000E100U + 4U * (UART_INTERRUPT / 32)) = 1U << (UART_INTERRUPT % 32);
    print("hello");
    for (;;) {
        act(uart_read());
    }
}

void fault(void) {
    if (marker == 1U) {
        __asm volatile("udf #1"); /* a fault in the HardFault handler: lockup */
    }
    for (;;) {
    }
}

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[16 + 48] = {
    [0] = {.stack = stack_top},
    [1] = {.handler = reset},
    [3] = {.handler = fault},
    [16 + UART_INTERRUPT] = {.handler = uart_interrupt},
};
