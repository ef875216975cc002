/* WFI, WFE and SEV: DDI 0403E, B1.5.17 to B1.5.19. */
#include "conformance.h"

enum { A = 1 << INTERRUPT_A, SLEEPONEXIT = 2, SEVONPEND = 16 };

static volatile uint32_t runs;

static void count(struct entry *entry) {
    (void)entry;
    runs++;
}

CASE(sleep, wfi_wakes_under_primask) {
    runs = 0;
    hooks[SYS_TICK] = count;
    set_primask(1);
    SYST_RVR = 1000;
    SYST_CVR = 0;
    SYST_CSR = 7;
    __asm__ volatile("wfi");
    SYST_CSR = 0;
    show("runs", runs);
    set_primask(0);
    show("then", runs);
}

CASE(sleep, wfi_returns_at_once_if_pending) {
    set_primask(1);
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    __asm__ volatile("wfi");
    show("pending", NVIC_ISPR);
    NVIC_ICPR = A;
    set_primask(0);
}

CASE(sleep, event_is_kept) {
    __asm__ volatile("sev\nwfe");
    show("awake", 1);
}

CASE(sleep, exception_sets_the_event) {
    hooks[FIRST_INTERRUPT + INTERRUPT_A] = count;
    __asm__ volatile("sev\nwfe"); /* no event is left */
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    __asm__ volatile("wfe");
    show("awake", 1);
}

CASE(sleep, pending_is_an_event) {
    __asm__ volatile("sev\nwfe");
    SCR = SEVONPEND;
    SYNCHRONIZE();
    NVIC_ISPR = A; /* it is not enabled */
    SYNCHRONIZE();
    __asm__ volatile("wfe");
    show("awake", 1);
    SCR = 0;
}

static void stop_sleeping(struct entry *entry) {
    count(entry);
    if (runs == 3)
        SCR = 0;
}

CASE(sleep, sleeps_on_exit) {
    runs = 0;
    hooks[SYS_TICK] = stop_sleeping;
    SYST_RVR = 1000;
    SYST_CVR = 0;
    SCR = SLEEPONEXIT;
    SYST_CSR = 7;
    while (runs == 0) {
    }
    SYST_CSR = 0;
    show("runs", runs);
}
