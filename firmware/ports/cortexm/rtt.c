/*
 * The bytes of the link in two rings in RAM, which a debugger reads and writes while the core runs.
 * The chip needs no serial port, no pin and no clock set-up for it.
 *
 * The layout is that of SEGGER's RTT, so that every tool that knows RTT finds the rings: a control
 * block with the symbol _SEGGER_RTT and an ID, one ring to the host and one from it (J-Link user
 * guide UM08001, "Real Time Transfer").
 */
#include "cortexm.h"
#include "port.h"

#define ID_SIZE 16U
#define UP_SIZE (LINK_WINDOW / 2U)     /* to the host */
#define DOWN_SIZE (PORT_RING_SIZE + 1) /* a full ring has one free byte */

typedef struct {
    const char *name;
    volatile uint8_t *buffer;
    uint32_t size;
    volatile uint32_t write; /* where the writer puts the next byte */
    volatile uint32_t read;  /* where the reader takes the next byte */
    uint32_t flags;          /* 0: only for hosts that know the flags of SEGGER's own code */
} rtt_ring_t;

typedef struct {
    volatile char id[ID_SIZE];
    int32_t up_count;
    int32_t down_count;
    rtt_ring_t up;
    rtt_ring_t down;
} rtt_t;

rtt_t _SEGGER_RTT;

static volatile uint8_t up_buffer[UP_SIZE];
static volatile uint8_t down_buffer[DOWN_SIZE];
static uint32_t taken; /* bytes that port_read() has returned */

/* A debugger sees the accesses before this in memory before those after it: each side of a ring
 * moves its position after its access to the bytes. Without the barrier, the core may do them in
 * another order, since both are Normal memory (Armv7-M ARM, DDI 0403E, A3.7; the same in Armv6-M
 * and Armv8-M). */
static void order(void) {
    __asm volatile("dmb" ::: "memory");
}

void rtt_init(void) {
    /* Backwards: hosts that search memory for the ID must not find this constant. */
    static const char id[] = "TTR REGGES";
    _SEGGER_RTT.up_count = 1;
    _SEGGER_RTT.down_count = 1;
    _SEGGER_RTT.up = (rtt_ring_t){.name = "link", .buffer = up_buffer, .size = UP_SIZE};
    _SEGGER_RTT.down = (rtt_ring_t){.name = "link", .buffer = down_buffer, .size = DOWN_SIZE};
    order(); /* with the ID, the block is valid */
    for (uint32_t i = 0; i < sizeof(id) - 1U; i++) {
        _SEGGER_RTT.id[i] = id[sizeof(id) - 2U - i];
    }
}

void port_write(uint8_t byte) {
    rtt_ring_t *up = &_SEGGER_RTT.up;
    uint32_t next = (up->write + 1U) % UP_SIZE;
    while (next == up->read) {
    }
    up_buffer[up->write] = byte;
    order();
    up->write = next;
}

void port_settle(void) {
    const rtt_ring_t *up = &_SEGGER_RTT.up;
    while (up->read != up->write) {
    }
}

uint32_t port_received(void) {
    const rtt_ring_t *down = &_SEGGER_RTT.down;
    return taken + (down->write + DOWN_SIZE - down->read) % DOWN_SIZE;
}

/* A debugger's write raises no interrupt, so the CPU never sleeps while it waits for one. */
void port_stay_awake(int awake) {
    (void)awake;
}

uint8_t port_read(void) {
    rtt_ring_t *down = &_SEGGER_RTT.down;
    while (down->write == down->read) {
    }
    order();
    uint8_t byte = down_buffer[down->read];
    order(); /* from here on, the host may overwrite the byte */
    down->read = (down->read + 1U) % DOWN_SIZE;
    taken += 1U;
    return byte;
}
