/* The local exclusive monitor: DDI 0403E, A3.4, and B1.5.6, B1.5.8: exceptions clear it. */
#include "conformance.h"

static uint32_t word, half;

/* Each returns the status of its last STREX: 0 if it stored. */
INSTRUCTION_BETWEEN(pair, "ldrex r2, [r0]", "strex r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(pair_half, "ldrexh r2, [r0]", "strexh r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(pair_byte, "ldrexb r2, [r0]", "strexb r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(alone, "clrex", "strex r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(twice, "ldrex r2, [r0]\nstrex r2, r1, [r0]", "strex r2, r1, [r0]",
                    "mov r0, r2");
INSTRUCTION_BETWEEN(across_call, "ldrex r2, [r0]\nsvc 1", "strex r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(across_clear, "ldrex r2, [r0]\nclrex", "strex r2, r1, [r0]", "mov r0, r2");
INSTRUCTION_BETWEEN(across_load, "ldrex r2, [r0]\nldr r3, [r0]", "strex r2, r1, [r0]",
                    "mov r0, r2");

#define PAIR(name, code, place)                                                                    \
    CASE(exclusive, name) {                                                                        \
        place = 0x11;                                                                              \
        show("status", attempt(code, (uint32_t)&place, 0x22));                                     \
        show("memory", place);                                                                     \
    }

static void nothing(struct entry *entry) {
    (void)entry;
}

PAIR(stores, pair, word)
PAIR(stores_halfword, pair_half, half)
PAIR(stores_byte, pair_byte, half)
PAIR(without_load, alone, word)
PAIR(second_store, twice, word)
PAIR(cleared, across_clear, word)
PAIR(load_between, across_load, word)

CASE(exclusive, exception_between) {
    hooks[SV_CALL] = nothing;
    word = 0x11;
    show("status", attempt(across_call, (uint32_t)&word, 0x22));
    show("memory", word);
}

INSTRUCTION(store_only, "strex r2, r1, [r0]\nmov r0, r2");
static volatile uint32_t status_in_handler;

static void store_within(struct entry *entry) {
    (void)entry;
    status_in_handler = attempt(store_only, (uint32_t)&word, 0x33);
}

CASE(exclusive, store_in_handler) {
    hooks[SV_CALL] = store_within;
    word = 0x11;
    attempt(across_call, (uint32_t)&word, 0x22);
    show("status", status_in_handler);
}
