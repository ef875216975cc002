/* A model that copies its input, unless the first byte tells it to misbehave. */
#include "nn.h"

#define UNMAPPED (*(volatile uint32_t *)0x60000000U)
#define AIRCR (*(volatile uint32_t *)0xE000ED0CU) /* Armv7-M ARM, B3.2.6 */
#define AIRCR_SYSRESETREQ 0x05FA0004U

/* tests/support/repository.py has the same list. */
enum { BEHAVE, UNDEFINED, READ_UNMAPPED, OVERFLOW, RESTART, HANG, FAIL, LOCK_UP };

static int8_t tensor[4];

__attribute__((noinline)) static void execute_undefined(void) {
    __asm volatile("udf #0");
}

__attribute__((noinline)) static void read_unmapped(void) {
    (void)UNMAPPED;
}

__attribute__((noinline)) static uint32_t recurse(volatile uint32_t *before) {
    volatile uint32_t frame[16] = {*before};
    return recurse(frame) + frame[0];
}

__attribute__((noinline)) static void restart(void) {
    AIRCR = AIRCR_SYSRESETREQ;
    for (;;) {
    }
}

/* A fault while faults are masked: the core gives up. */
__attribute__((noinline)) static void lock_up(void) {
    __asm volatile("cpsid f\n udf #0");
}

int nn_init(void) {
    return 0;
}

nn_tensor_t nn_input(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

nn_tensor_t nn_output(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

int nn_invoke(void) {
    volatile uint32_t first = (uint8_t)tensor[0];
    switch (first) {
    case UNDEFINED:
        execute_undefined();
        break;
    case READ_UNMAPPED:
        read_unmapped();
        break;
    case OVERFLOW:
        return (int)recurse(&first);
    case RESTART:
        restart();
        break;
    case HANG:
        for (;;) {
        }
    case FAIL:
        return 3;
    case LOCK_UP:
        lock_up();
        break;
    default:
        break;
    }
    return 0;
}

uint32_t nn_arena_size(void) {
    return sizeof(tensor);
}
