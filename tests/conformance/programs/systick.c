/* SysTick: DDI 0403E, B3.3. */
#include "conformance.h"

enum { ENABLE = 1, TICKINT = 2, CLKSOURCE = 4 };

static volatile uint32_t runs;

static void count(struct entry *entry) {
    (void)entry;
    runs++;
}

static void start(uint32_t reload, uint32_t control) {
    runs = 0;
    hooks[SYS_TICK] = count;
    SYST_RVR = reload;
    SYST_CVR = 0;
    SYST_CSR = control | CLKSOURCE;
}

/* Whether `bits` of `*address` become 1 within a while. */
static bool comes(volatile uint32_t *address, uint32_t bits) {
    for (uint32_t turn = 0; turn < 100000; turn++) {
        if (*address & bits)
            return true;
    }
    return false;
}

CASE(systick, reload_has_24_bits) {
    SYST_RVR = 0xFFFFFFFF;
    show("reload", SYST_RVR);
}

CASE(systick, write_clears_the_count) {
    start(0xFFFFFF, ENABLE);
    while (SYST_CVR == 0) {
    }
    SYST_CSR = CLKSOURCE;
    const uint32_t counted = SYST_CVR;
    SYST_CVR = 0x1234;
    show("counted", counted != 0);
    show("count", SYST_CVR);
}

CASE(systick, counts_down) {
    start(0xFFFFFF, ENABLE);
    while (SYST_CVR == 0) {
    }
    const uint32_t before = SYST_CVR;
    for (volatile uint32_t turn = 0; turn < 100; turn++) {
    }
    show("down", SYST_CVR < before);
}

CASE(systick, count_flag) {
    start(100, ENABLE);
    show("flag", comes(&SYST_CSR, 1 << 16));
}

CASE(systick, count_flag_ends_when_read) {
    start(0xFFFF, ENABLE);
    SYST_CVR = 0;
    const bool came = comes(&SYST_CSR, 1 << 16);
    show("flag", came);
    show("again", SYST_CSR >> 16 & 1);
}

CASE(systick, count_flag_ends_with_write) {
    start(0xFFFF, ENABLE);
    while (!(ICSR >> 26 & 1) && SYST_CVR < 0xFFF0) {
    }
    SYST_CVR = 0;
    show("flag", SYST_CSR >> 16 & 1);
}

CASE(systick, interrupts) {
    start(500, ENABLE | TICKINT);
    for (uint32_t turn = 0; turn < 100000 && runs < 3; turn++) {
    }
    SYST_CSR = 0;
    show("runs", runs >= 3);
}

CASE(systick, write_does_not_pend) {
    set_primask(1);
    start(0xFFFFFF, ENABLE | TICKINT);
    SYST_CVR = 0;
    show("pending", ICSR >> 26 & 1);
    SYST_CSR = 0;
    set_primask(0);
}

CASE(systick, pends_while_masked) {
    set_primask(1);
    start(100, ENABLE | TICKINT);
    show("pending", comes(&ICSR, 1 << 26));
    SYST_CSR = 0;
    show("runs", runs);
    set_primask(0);
    show("then", runs);
}

CASE(systick, pend_cleared) {
    set_primask(1);
    start(100, ENABLE | TICKINT);
    comes(&ICSR, 1 << 26);
    SYST_CSR = 0;
    ICSR = 1 << 25;
    set_primask(0);
    show("runs", runs);
}

CASE(systick, zero_reload_stops) {
    start(0, ENABLE | TICKINT);
    for (volatile uint32_t turn = 0; turn < 1000; turn++) {
    }
    show("runs", runs);
    show("count", SYST_CVR);
}
