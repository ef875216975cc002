/*
 * SysTick as the counter, for cores without a DWT that counts, and for emulators. It has 24 bits;
 * its interrupt extends it to 32, and its own ticks are left out.
 *
 * Registers: Armv7-M ARM (DDI 0403E), B3.3 SysTick, B3.2.4 ICSR; the same in Armv6-M and Armv8-M.
 */
#include "cortexm.h"
#include "port.h"

#define SYST_CSR REGISTER(0xE000E010)
#define SYST_CSR_START 7U /* the core's clock, with the interrupt */
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define SYST_BITS 24U
#define SYST_MASK 0xFFFFFFU
#define SCB_ICSR REGISTER(0xE000ED04)
#define SCB_ICSR_PENDSTSET_BIT 26U

#define ROUNDS_LOG2 12U /* the cost of an interrupt is the average of 4096 */

static volatile uint32_t wraps;
static volatile uint32_t left_out; /* the ticks that the interrupts took */
static uint32_t rest;              /* in 4096ths: what is not a whole tick yet */
static uint32_t cost;              /* ticks of 4096 interrupts */

void systick_interrupt(void) {
    wraps += 1U;
    rest += cost;
    left_out += rest >> ROUNDS_LOG2;
    rest &= (1U << ROUNDS_LOG2) - 1U;
}

/* SysTick counts down. It wraps while interrupts are off: then the interrupt is pending, and a
 * value from after the wrap is a high one. The function always executes the same instructions. */
static uint32_t systick_ticks(void) {
    interrupts_off();
    uint32_t value = SYST_CVR;
    uint32_t pending = SCB_ICSR >> SCB_ICSR_PENDSTSET_BIT & 1U;
    uint32_t high = wraps + (pending & value >> (SYST_BITS - 1U));
    uint32_t taken = left_out;
    interrupts_on();
    return (high << SYST_BITS) + (SYST_MASK - value) - taken;
}

/* Returns the ticks of 4096 writes of `bits` to ICSR. */
__attribute__((noinline)) static uint32_t ticks_of_writes(uint32_t bits) {
    uint32_t before = SYST_CVR;
    for (uint32_t i = 0; i < 1U << ROUNDS_LOG2; i++) {
        SCB_ICSR = bits;
        __asm volatile("dsb\n isb" ::: "memory");
    }
    return (before - SYST_CVR) & SYST_MASK;
}

static void systick_init(void) {
    SYST_RVR = SYST_MASK;
    SYST_CVR = 0; /* any write sets it to 0; it continues from RVR */
    SYST_CSR = SYST_CSR_START;
    uint32_t without = ticks_of_writes(0);
    cost = ticks_of_writes(1U << SCB_ICSR_PENDSTSET_BIT) - without;
    wraps = 0;
    left_out = 0;
    counter_use(systick_ticks, "systick");
}

/* An Armv6-M has no DWT that counts. */
static int counts(void) {
#if defined(__ARM_ARCH_6M__)
    return 1;
#else
    return (SYST_CSR & SYST_CSR_START) == SYST_CSR_START;
#endif
}

uint32_t port_wraps(uint32_t *ticks) {
    *ticks = counts() ? 1U << SYST_BITS : 0U;
    return wraps;
}

/* SysTick wraps at the same place in each inference then, or not at all. Otherwise its interrupt
 * falls at a random depth of the stack, and the peak of the stack differs from run to run. */
void port_restart(void) {
    if (!counts()) {
        return;
    }
    interrupts_off();
    SYST_CVR = 0;
    while (SYST_CVR == 0U) { /* it continues from RVR with its next tick */
    }
    rest = 0;
    interrupts_on();
}

void counter_start(void) {
    if (counter_has_dwt()) {
        counter_init(&DWT_CYCCNT, "dwt");
    } else {
        systick_init();
    }
}
