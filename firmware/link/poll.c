/*
 * The bytes that a receive interrupt takes from the serial line, until the main program has time
 * for them. There is one writer, the interrupt, and one reader. The host never has more than
 * LINK_WINDOW bytes in transit, so the ring cannot overflow.
 */
#include "link.h"

static volatile uint8_t ring[LINK_WINDOW];
static volatile uint32_t head;
static volatile uint32_t tail;

void link_put(uint8_t byte) {
    ring[head % LINK_WINDOW] = byte;
    head += 1U;
}

uint32_t link_received(void) {
    return head;
}

bool link_poll(void) {
    bool any = head != tail;
    while (head != tail) {
        uint8_t byte = ring[tail % LINK_WINDOW];
        tail += 1U;
        link_receive(byte);
    }
    return any;
}

#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
/* With interrupts masked, an interrupt between the test and the WFI still ends the WFI. Unmasked,
 * it would be handled before the WFI, and the core would sleep with a byte waiting. */
void link_wait(void) {
    while (head == tail) {
        __asm volatile("cpsid i" ::: "memory");
        if (head == tail && !link_is_timed()) {
            __asm volatile("wfi");
        }
        __asm volatile("cpsie i\n isb" ::: "memory");
    }
}
#endif
