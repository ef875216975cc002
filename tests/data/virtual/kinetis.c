/*
 * Firmware for a Kinetis with a Cortex-M0+. It has no UART: the tests read and write its variables
 * through the debug probe. SysTick interrupts it every 1,000 instructions.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

extern uint32_t stack_top[];
volatile uint32_t turns, interrupts, fault_pc, command;

__attribute__((noinline)) void spin(uint32_t count) {
    while (count-- != 0U) {
        __asm volatile("");
    }
}

__attribute__((noreturn)) void reset(void) {
#ifndef WATCHDOG
    REGISTER(0x40048100U) = 0U; /* SIM_COPC */
#endif
    turns = 0;
    interrupts = 0;
    fault_pc = 0;
    command = 0;
    REGISTER(0xE000E014U) = 999U;
    REGISTER(0xE000E018U) = 0U;
    REGISTER(0xE000E010U) = 7U;
    for (;;) {
        spin(1000);
        turns += 1U;
        if (command == 1U) {
            __asm volatile("ldr %0, [%1]" : "=l"(command) : "l"(0x20000001U));
        }
    }
}

void systick(void) {
    interrupts += 1U;
}

void report(const uint32_t *frame) {
    fault_pc = frame[6];
    for (;;) {
    }
}

__attribute__((naked)) void fault(void) {
    __asm volatile("mov r0, sp\n bl report");
}

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".vectors"), used)) static const vector_t vectors[16] = {
    [0] = {.stack = stack_top},
    [1] = {.handler = reset},
    [3] = {.handler = fault},
    [15] = {.handler = systick},
};

/* The flash configuration field: unsecure, nothing protected. */
__attribute__((section(".field"), used)) static const uint32_t field[4] = {
    0xFFFFFFFFU,
    0xFFFFFFFFU,
    0xFFFFFFFFU,
    0xFFFFFFFEU,
};
