/* BusFaults: DDI 0403E, B1.5.14, B3.2.15; TRM, DDI 0439B, 4.1 (ACTLR). RM0090, 2.3. */
#include "conformance.h"

enum { DISDEFWBUF = 2 };

INSTRUCTION(bus_load, "ldr r0, [r0]");
INSTRUCTION(bus_load_byte, "ldrb r0, [r0]");
INSTRUCTION(bus_load_half, "ldrh r0, [r0]");
INSTRUCTION(bus_loads, "ldm r0, {r2, r3, r12}");
INSTRUCTION(bus_float, "vldr s0, [r0]");
INSTRUCTION(bus_store, "str r1, [r0]\ndsb");
INSTRUCTION(bus_stores, "stm r0, {r1, r2, r3, r12}\ndsb");
INSTRUCTION(call, "svc 1");

#define LOAD(name, code, address)                                                                  \
    CASE(bus, name) {                                                                              \
        SHOW_ATTEMPT(code, address, 0);                                                            \
    }

LOAD(load, bus_load, NOTHING_IN_SRAM)
LOAD(load_byte, bus_load_byte, NOTHING_IN_SRAM + 1)
LOAD(load_halfword, bus_load_half, NOTHING_IN_SRAM + 2)
LOAD(load_float, bus_float, NOTHING_IN_SRAM)
LOAD(load_from_code, bus_load, NOTHING_IN_CODE)
LOAD(load_from_peripherals, bus_load, 0x40080000)
LOAD(load_behind_ram, bus_load, RAM_END)
LOAD(load_in_ram, bus_load, RAM_END - 4)
LOAD(loads_across_the_end, bus_loads, RAM_END - 8)

static void store(uint32_t address) {
    attempt(bus_store, address, 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr);
}

CASE(bus, store_is_imprecise) {
    store(NOTHING_IN_SRAM);
}

CASE(bus, store_to_peripherals_is_imprecise) {
    store(0x40080000);
}

CASE(bus, store_in_ram) {
    store(RAM_END - 4);
}

CASE(bus, store_without_buffer) {
    ACTLR = DISDEFWBUF;
    SYNCHRONIZE();
    SHOW_ATTEMPT(bus_store, NOTHING_IN_SRAM, 0);
}

static void keep(struct entry *entry) {
    (void)entry;
}

INSTRUCTION_BETWEEN(call_on_nothing, "msr psp, r0", "svc 1", "");

CASE(bus, stacking) {
    hooks[SV_CALL] = keep;
    attempt_on_process_stack(call_on_nothing, NOTHING_IN_SRAM + 0x100, 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr & ~0x8200u);
}

static void move_stack(struct entry *entry) {
    (void)entry;
    __asm__ volatile("msr psp, %0" ::"r"(NOTHING_IN_SRAM + 0x100));
}

CASE(bus, unstacking) {
    hooks[SV_CALL] = move_stack;
    attempt_on_process_stack(call, 0, 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr & ~0x8200u);
}
