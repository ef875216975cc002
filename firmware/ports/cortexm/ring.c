#include "cortexm.h"
#include "port.h"

/* There is one writer, the interrupt, and one reader. The host never has more than LINK_WINDOW
 * bytes in transit, so the ring cannot overflow. */
static volatile uint8_t ring[PORT_RING_SIZE];
static volatile uint32_t head;
static volatile uint32_t tail;
static int stays_awake;

void ring_put(uint8_t byte) {
    ring[head % PORT_RING_SIZE] = byte;
    head += 1U;
}

/* The transmitter raises no interrupt, and no one has to fetch its bytes. */
void port_settle(void) {
}

uint32_t port_received(void) {
    return head;
}

void port_stay_awake(int awake) {
    stays_awake = awake;
}

/* With interrupts masked, an interrupt between the test and the WFI still ends the WFI. Unmasked,
 * it would be handled before the WFI, and the CPU would sleep with a byte waiting. */
static void sleep_until_byte(void) {
    interrupts_off();
    if (head == tail) {
        __asm volatile("wfi");
    }
    interrupts_on();
}

uint8_t port_read(void) {
    while (head == tail) {
        if (!stays_awake) {
            sleep_until_byte();
        }
    }
    uint8_t byte = ring[tail % PORT_RING_SIZE];
    tail += 1U;
    return byte;
}
