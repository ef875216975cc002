/* The debug components that firmware itself uses, without a debugger: DDI 0403E, C1. */
#include "conformance.h"

#define ITM_PORT(number) REGISTER(0xE0000000 + 4 * (number))
#define ITM_TER REGISTER(0xE0000E00)
#define ITM_TCR REGISTER(0xE0000E80)
#define ITM_LAR REGISTER(0xE0000FB0)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)
#define DWT_COMP(number) REGISTER(0xE0001020 + 16 * (number))
#define DWT_MASK(number) REGISTER(0xE0001024 + 16 * (number))
#define DWT_FUNCTION(number) REGISTER(0xE0001028 + 16 * (number))
#define FP_CTRL REGISTER(0xE0002000)
#define FP_COMP(number) REGISTER(0xE0002008 + 4 * (number))

enum { MON_EN = 1 << 16, MON_PEND = 1 << 17, TRCENA = 1 << 24 };
enum { ON_PC = 4, ON_READ = 5, ON_WRITE = 6, ON_ACCESS = 7 };

static uint32_t watched[4];

INSTRUCTION(watched_load, "ldr r0, [r0]");
INSTRUCTION(watched_store, "str r1, [r0]");
INSTRUCTION(landmark, "nop");
INSTRUCTION(pend_monitor, "str r1, [r0]\ndsb\nisb");

static void trace(uint32_t more) {
    DEMCR = TRCENA | more;
    SYNCHRONIZE();
}

static void watch(uint32_t address, uint32_t function) {
    trace(MON_EN);
    DWT_COMP(0) = address;
    DWT_MASK(0) = 0;
    DWT_FUNCTION(0) = function;
    SYNCHRONIZE();
}

static void show_watched(void) {
    const uint32_t matched = DWT_FUNCTION(0) >> 24 & 1;
    DWT_FUNCTION(0) = 0;
    SYNCHRONIZE();
    if (!fault.count)
        show_fault(0);
    else {
        show("exc", fault.exception);
        show("dfsr", fault.dfsr);
    }
    show("matched", matched);
}

CASE(debug, comparators) {
    trace(0);
    show("number", DWT_CTRL >> 28);
}

CASE(debug, cycle_counter_counts) {
    trace(0);
    DWT_CYCCNT = 0;
    DWT_CTRL |= 1;
    const uint32_t before = DWT_CYCCNT, after = DWT_CYCCNT;
    show("up", after > before);
    DWT_CTRL &= ~1u;
}

CASE(debug, cycle_counter_stands) {
    trace(0);
    DWT_CTRL &= ~1u;
    DWT_CYCCNT = 0x1234;
    show("count", DWT_CYCCNT);
}

CASE(debug, watched_write) {
    watch((uint32_t)&watched[1], ON_WRITE);
    attempt(watched_store, (uint32_t)&watched[1], 1);
    show_watched();
}

CASE(debug, watched_write_ignores_reads) {
    watch((uint32_t)&watched[1], ON_WRITE);
    attempt(watched_load, (uint32_t)&watched[1], 1);
    show_watched();
}

CASE(debug, watched_read) {
    watch((uint32_t)&watched[1], ON_READ);
    attempt(watched_load, (uint32_t)&watched[1], 1);
    show_watched();
}

CASE(debug, watched_access) {
    watch((uint32_t)&watched[1], ON_ACCESS);
    attempt(watched_load, (uint32_t)&watched[1], 1);
    show_watched();
}

CASE(debug, watched_beside) {
    watch((uint32_t)&watched[1], ON_ACCESS);
    attempt(watched_store, (uint32_t)&watched[2], 1);
    show_watched();
}

CASE(debug, watched_range) {
    watch((uint32_t)watched & ~15u, ON_WRITE);
    DWT_MASK(0) = 4;
    SYNCHRONIZE();
    attempt(watched_store, ((uint32_t)watched & ~15u) + 12, 1);
    show_watched();
    DWT_MASK(0) = 0;
}

CASE(debug, watched_instruction) {
    watch((uint32_t)landmark_at, ON_PC);
    attempt(landmark, 0, 0);
    show_watched();
}

CASE(debug, watched_without_monitor) {
    watch((uint32_t)&watched[1], ON_WRITE);
    DEMCR = TRCENA;
    attempt(watched_store, (uint32_t)&watched[1], 1);
    DWT_FUNCTION(0) = 0;
    show_fault(0);
}

CASE(debug, breakpoint_unit) {
    show("comparators", FP_CTRL >> 4 & 0xF);
    show("literals", FP_CTRL >> 8 & 0xF);
}

CASE(debug, breakpoint_for_monitor) {
    trace(MON_EN);
    FP_COMP(0) =
        ((uint32_t)landmark_at & 0x1FFFFFFC) | ((uint32_t)landmark_at & 2 ? 2u : 1u) << 30 | 1;
    FP_CTRL = 3;
    SYNCHRONIZE();
    attempt(landmark, 0, 0);
    FP_COMP(0) = 0;
    FP_CTRL = 2;
    SYNCHRONIZE();
    show_fault(landmark_at);
}

CASE(debug, monitor_pended) {
    trace(MON_EN);
    attempt(pend_monitor, (uint32_t)&DEMCR, TRCENA | MON_EN | MON_PEND);
    show("exc", fault.exception);
    show("pended", DEMCR >> 17 & 1);
}

CASE(debug, trace_port_is_ready) {
    trace(0);
    ITM_LAR = 0xC5ACCE55;
    ITM_TCR = 1 | 1 << 16;
    ITM_TER = 1;
    show("ready", ITM_PORT(0) & 1);
    ITM_PORT(0) = 'x';
    ITM_TER = 0;
    ITM_TCR = 0;
}

CASE(debug, trace_enable_reads_back) {
    trace(0);
    ITM_LAR = 0xC5ACCE55;
    ITM_TER = 5;
    show("enabled", ITM_TER);
    ITM_TER = 0;
}
