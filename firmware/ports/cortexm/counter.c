#include "cortexm.h"
#include "port.h"

static volatile uint32_t *counter;
static const char *name;

/* Emulators read the DWT as zero; a core without it ignores the enable bit. */
static int dwt_counts(void) {
    CORE_DEMCR |= CORE_DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    for (uint32_t i = 0; i < 16U; i++) {
        __asm volatile("nop");
    }
    return DWT_CYCCNT != 0U;
}

void counter_init(volatile uint32_t *timer, const char *timer_name) {
    if (dwt_counts()) {
        counter = &DWT_CYCCNT;
        name = "dwt";
    } else {
        counter = timer;
        name = timer_name;
    }
}

__attribute__((noinline)) uint32_t port_ticks(void) {
    return *counter;
}

const char *port_counter(void) {
    return name;
}
