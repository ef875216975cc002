/*
 * The measurement of an inference with the cycle counter of the core's DWT, or with a counter of
 * your own.
 *
 * Registers: Armv7-M Architecture Reference Manual (DDI 0403E), C1.6.5 and C1.8; the same in
 * Armv8-M with the Main Extension. Armv6-M has no cycle counter.
 */
#include "link.h"

static bool timed; /* link_count() was called since the last inference */

uint32_t link_count(void) {
    timed = true;
    return port_ticks();
}

bool link_is_timed(void) {
    return timed;
}

link_result_t link_measure(int (*model)(void)) {
    link_result_t result = {0};
    timed = false;
    uint32_t received = link_received();
    uint32_t start = port_ticks();
    result.status = model();
    result.ticks = port_ticks() - start;
    result.disturbed = link_received() - received;
    return result;
}

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M' && !defined(__ARM_ARCH_6M__)
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CORE_DEMCR REGISTER(0xE000EDFC)
#define CORE_DEMCR_TRCENA (1U << 24)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CTRL_CYCCNTENA (1U << 0)
#define DWT_CYCCNT REGISTER(0xE0001004)

bool link_start_dwt(void) {
    CORE_DEMCR |= CORE_DEMCR_TRCENA;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uint32_t first = DWT_CYCCNT;
    for (uint32_t i = 0; i < 16U; i++) {
        __asm volatile("nop");
    }
    return DWT_CYCCNT != first;
}

/* Not inlined, so that an emulator finds both readings: docs/renode.md. */
__attribute__((weak, noinline)) uint32_t port_ticks(void) {
    return DWT_CYCCNT;
}
#endif
