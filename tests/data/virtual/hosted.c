/* Firmware with newlib's printf by semihosting, as the option --specs=rdimon.specs links it. */
#include <stdint.h>
#include <stdio.h>

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_end[];
extern void initialise_monitor_handles(void);

__attribute__((noreturn)) void reset(void) {
    const uint32_t *from = data_load;
    for (uint32_t *word = data_start; word < data_end; word++) {
        *word = *from++;
    }
    for (uint32_t *word = data_end; word < bss_end; word++) {
        *word = 0;
    }
    initialise_monitor_handles();
    (void)printf("printed by %s: %d\n", "semihosting", 42);
    (void)fflush(stdout);
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top,
    (const void *)reset,
};
