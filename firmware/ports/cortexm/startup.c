/*
 * Reset, the core's vector table, and the stack's high-water mark.
 */
#include <stdint.h>
#include <string.h>

#include "cortexm.h"
#include "port.h"

#define PAINT 0xA5A5A5A5U

/* Defined by sections.ld: addresses, not values. */
extern uint32_t stack_bottom[], stack_top[];
extern uint8_t data_start[], data_end[], data_image[], bss_start[], bss_end[];
typedef void (*constructor_t)(void);
extern constructor_t init_array_start[], init_array_end[];
extern uint32_t vector_checksum[];

int main(void);
void fault_handler(void);

/* For images without the part systick: its interrupt is a fault then. r0 is in the frame. */
__attribute__((weak, naked)) void systick_interrupt(void) {
    __asm volatile("ldr r0, =fault_handler\n bx r0");
}

/* Paints the part of the stack that is not in use yet, below the caller's frame. */
__attribute__((noinline)) static void paint_stack(void) {
    uint32_t *here = (uint32_t *)__builtin_frame_address(0) - 16;
    for (uint32_t *word = stack_bottom; word < here; word++) {
        *word = PAINT;
    }
}

uint32_t port_stack_used(void) {
    const uint32_t *word = stack_bottom;
    while (word < stack_top && *word == PAINT) {
        word++;
    }
    return (uint32_t)((const uint8_t *)stack_top - (const uint8_t *)word);
}

uint32_t port_stack_size(void) {
    return (uint32_t)((const uint8_t *)stack_top - (const uint8_t *)stack_bottom);
}

__attribute__((noreturn)) void reset_handler(void) {
#ifdef START_WRITES
#include "start_writes.h" /* generated: a watchdog that runs after reset, for example */
#endif
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    /* Before any code that may use a float or vector register: after reset, the FPU and Helium
     * are off. Some emulators do not model that, and a mistake here does not show on them. */
    SCB_CPACR |= 0xFU << 20;
    __asm volatile("dsb\n isb" ::: "memory");
#endif
    memcpy(data_start, data_image, (size_t)(data_end - data_start));
    memset(bss_start, 0, (size_t)(bss_end - bss_start));
    paint_stack();
    for (constructor_t *each = init_array_start; each != init_array_end; each++) {
        (*each)();
    }
    (void)main();
    for (;;) {
    }
}

typedef union {
    uint32_t *stack;
    vector_t handler;
} core_vector_t;

/* Armv7-M ARM, B1.5.2: initial stack pointer, then exceptions 1 to 15. Armv8-M ARM (DDI 0553),
 * B3.9: SecureFault, which only Armv8-M has. All faults have the same handler, and so have the
 * exceptions that the firmware does not use. */
__attribute__((section(".vectors.core"), used)) static const core_vector_t core_vectors[16] = {
    {.stack = stack_top},
    {.handler = reset_handler},
    {.handler = fault_handler}, /* NMI */
    {.handler = fault_handler}, /* HardFault */
    {.handler = fault_handler}, /* MemManage */
    {.handler = fault_handler}, /* BusFault */
    {.handler = fault_handler}, /* UsageFault */
#ifdef VECTOR_CHECKSUM
    {.stack = vector_checksum},
#else
    {.handler = fault_handler}, /* SecureFault */
#endif
    {0},
    {0},
    {0},
    {.handler = fault_handler}, /* SVCall */
    {.handler = fault_handler}, /* DebugMonitor */
    {0},
    {.handler = fault_handler}, /* PendSV */
    {.handler = systick_interrupt},
};
