#include "cortexm.h"
#include "port.h"

/* One writer, the interrupt, and one reader. The host never has more than
 * LINK_WINDOW bytes on the way, so the ring cannot run over. */
static volatile uint8_t ring[PORT_RING_SIZE];
static volatile uint32_t head;
static volatile uint32_t tail;

void ring_put(uint8_t byte) {
    ring[head % PORT_RING_SIZE] = byte;
    head += 1U;
}

uint32_t port_received(void) {
    return head;
}

uint8_t port_read(void) {
    while (head == tail) {
        /* Masked, an interrupt that comes between the test and the WFI still
         * ends the WFI; unmasked, it could be taken in between and slept over. */
        interrupts_off();
        if (head == tail) {
            __asm volatile("wfi");
        }
        interrupts_on();
    }
    uint8_t byte = ring[tail % PORT_RING_SIZE];
    tail += 1U;
    return byte;
}
