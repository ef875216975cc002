#include "cortexm.h"
#include "port.h"

static uint32_t (*read_counter)(void);
static const char *name;
static volatile uint32_t *counter;
static volatile uint32_t no_task; /* most timers can be read directly */
static volatile uint32_t *capture = &no_task;

static uint32_t read_register(void) {
    *capture = 1U;
    return *counter;
}

void counter_use(uint32_t (*read)(void), const char *counter_name) {
    read_counter = read;
    name = counter_name;
}

#if !defined(__ARM_ARCH_6M__)
/* In emulators the cycle counter reads as zero, and a core without a DWT ignores the enable bit. */
int counter_has_dwt(void) {
    CORE_DEMCR |= CORE_DEMCR_TRCENA;
    DWT_CYCCNT = 0;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    for (uint32_t i = 0; i < 16U; i++) {
        __asm volatile("nop");
    }
    return DWT_CYCCNT != 0U;
}
#endif

void counter_init(volatile uint32_t *timer, const char *timer_name) {
    if (counter_has_dwt()) {
        counter = &DWT_CYCCNT;
        counter_use(read_register, "dwt");
    } else {
        counter = timer;
        counter_use(read_register, timer_name);
    }
}

void counter_capture(volatile uint32_t *task) {
    capture = task;
}

__attribute__((noinline)) uint32_t port_ticks(void) {
    return read_counter();
}

const char *port_counter(void) {
    return name;
}
