/* Faults within handlers: DDI 0403E, B1.5.13 to B1.5.15, and B3.2.8, BFHFNMIGN. */
#include "conformance.h"

INSTRUCTION(undefined, "udf 0");
INSTRUCTION(absent_load, "ldr r0, [r0]");
INSTRUCTION(absent_store, "str r1, [r0]\ndsb");
INSTRUCTION(call, "svc 1");

CASE(escalation, bus_fault_not_enabled) {
    SHCSR = 0;
    SHOW_ATTEMPT(absent_load, NOTHING_IN_SRAM, 0);
}

CASE(escalation, usage_fault_not_enabled) {
    SHCSR = 0;
    SHOW_ATTEMPT(undefined, 0, 0);
}

static void fault_again(struct entry *entry) {
    hooks[USAGE_FAULT] = 0;
    CFSR = CFSR;
    attempt(undefined, 0, 0);
    entry->recovers = true;
}

CASE(escalation, usage_fault_within_usage_fault) {
    hooks[USAGE_FAULT] = fault_again;
    attempt(undefined, 0, 0);
    show_fault(undefined_at);
}

static void fault_in_call(struct entry *entry) {
    attempt(undefined, 0, 0);
    entry->recovers = true;
}

CASE(escalation, usage_fault_of_lower_priority) {
    hooks[SV_CALL] = fault_in_call;
    SHPR(USAGE_FAULT) = 0x80;
    SHPR(SV_CALL) = 0x40;
    attempt(call, 0, 0);
    show_fault(undefined_at);
}

CASE(escalation, usage_fault_of_higher_priority) {
    hooks[SV_CALL] = fault_in_call;
    SHPR(SV_CALL) = 0x40;
    attempt(call, 0, 0);
    show_fault(undefined_at);
}

static void call_again(struct entry *entry) {
    hooks[SV_CALL] = 0;
    attempt(call, 0, 0);
    entry->recovers = true;
}

CASE(escalation, svc_within_svc) {
    hooks[SV_CALL] = call_again;
    attempt(call, 0, 0);
    show("exc", fault.exception);
    show("hfsr", fault.hfsr);
}

CASE(escalation, bus_faults_ignored) {
    CCR |= BFHFNMIGN;
    set_faultmask(1);
    attempt(absent_load, NOTHING_IN_SRAM, 0);
    set_faultmask(0);
    show("faults", fault.count);
}

static void ignored_within(struct entry *entry) {
    hooks[HARD_FAULT] = 0;
    CCR |= BFHFNMIGN;
    SYNCHRONIZE();
    attempt(absent_load, NOTHING_IN_SRAM, 0);
    CFSR = CFSR;
    HFSR = HFSR;
    entry->recovers = true;
}

CASE(escalation, bus_faults_ignored_in_hard_fault) {
    SHCSR = 0;
    hooks[HARD_FAULT] = ignored_within;
    attempt(undefined, 0, 0);
    show("faults", fault.count);
}

CASE(escalation, ignoring_needs_priority) {
    CCR |= BFHFNMIGN;
    SYNCHRONIZE();
    SHOW_ATTEMPT(absent_load, NOTHING_IN_SRAM, 0);
}

static volatile uint32_t pended;

CASE(escalation, imprecise_fault_waits) {
    set_primask(1);
    attempt(absent_store, NOTHING_IN_SRAM, 0);
    SYNCHRONIZE();
    pended = SHCSR >> 14 & 1;
    show("faults", fault.count);
    show("pended", pended);
    SHCSR &= ~(1u << 14);
    set_primask(0);
}

static volatile uint32_t cfsr_within;

static void read_only(struct entry *entry) {
    CFSR = 0;
    cfsr_within = CFSR;
    CFSR = cfsr_within;
    entry->recovers = true;
}

CASE(escalation, status_clears_by_ones) {
    hooks[USAGE_FAULT] = read_only;
    attempt(undefined, 0, 0);
    show("after_zeros", cfsr_within);
    show("after_ones", CFSR);
}
