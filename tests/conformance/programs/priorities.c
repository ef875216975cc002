/* Priorities and masks: DDI 0403E, B1.5.4, and B3.2.6 AIRCR. */
#include "conformance.h"

INSTRUCTION(call, "svc 1");
INSTRUCTION(nothing, "nop");

/* What ran, in its order: a hexadecimal digit for each exception, its number less 16 for an
 * interrupt's A, B and C: 4, 5, 6. */
static uint32_t order;

static void note(struct entry *entry) {
    (void)entry;
    order = order << 4 | (ipsr() & 0xF);
}

static void prepare(uint32_t priority_a, uint32_t priority_b) {
    order = 0;
    hooks[FIRST_INTERRUPT + INTERRUPT_A] = note;
    hooks[FIRST_INTERRUPT + INTERRUPT_B] = note;
    NVIC_IPR(INTERRUPT_A) = (uint8_t)priority_a;
    NVIC_IPR(INTERRUPT_B) = (uint8_t)priority_b;
    enable_interrupts(1 << INTERRUPT_A | 1 << INTERRUPT_B);
}

static void pend(uint32_t interrupts) {
    NVIC_ISPR = interrupts;
    SYNCHRONIZE();
}

enum { A = 1 << INTERRUPT_A, B = 1 << INTERRUPT_B };

CASE(priorities, bits_of_an_interrupt) {
    NVIC_IPR(INTERRUPT_A) = 0xFF;
    show("bits", NVIC_IPR(INTERRUPT_A));
}

CASE(priorities, bits_of_a_system_handler) {
    for (uint32_t exception = MEM_MANAGE; exception < FIRST_INTERRUPT; exception++)
        SHPR(exception) = 0xFF;
    show("shpr1", REGISTER(0xE000ED18) & 0xFFFFFF);
    show("shpr2", REGISTER(0xE000ED1C));
    show("shpr3", REGISTER(0xE000ED20));
}

CASE(priorities, bits_of_basepri) {
    uint32_t value;
    set_basepri(0xFF);
    __asm__ volatile("mrs %0, basepri" : "=r"(value));
    set_basepri(0);
    show("bits", value);
}

CASE(priorities, higher_first) {
    prepare(0x40, 0x20);
    set_primask(1);
    pend(A | B);
    set_primask(0);
    show("order", order);
}

CASE(priorities, lower_number_first_if_equal) {
    prepare(0x40, 0x40);
    set_primask(1);
    pend(A | B);
    set_primask(0);
    show("order", order);
}

static void pend_b_within(struct entry *entry) {
    note(entry);
    pend(B);
    note(entry);
}

CASE(priorities, higher_preempts) {
    prepare(0x40, 0x20);
    hooks[FIRST_INTERRUPT + INTERRUPT_A] = pend_b_within;
    pend(A);
    show("order", order);
}

CASE(priorities, equal_does_not_preempt) {
    prepare(0x40, 0x40);
    hooks[FIRST_INTERRUPT + INTERRUPT_A] = pend_b_within;
    pend(A);
    show("order", order);
}

CASE(priorities, group_does_not_preempt) {
    prepare(0x40, 0x20);
    AIRCR = 0x05FA0000 | 6 << 8; /* bit 7 alone is the group: B1.5.4 */
    hooks[FIRST_INTERRUPT + INTERRUPT_A] = pend_b_within;
    pend(A);
    show("order", order);
}

CASE(priorities, subpriority_orders) {
    prepare(0x40, 0x20);
    AIRCR = 0x05FA0000 | 6 << 8;
    set_primask(1);
    pend(A | B);
    set_primask(0);
    show("order", order);
}

CASE(priorities, key_reads) {
    show("key", AIRCR >> 16);
}

CASE(priorities, write_without_key_is_ignored) {
    AIRCR = 0x12340000 | 3 << 8;
    show("group", AIRCR >> 8 & 7);
}

CASE(priorities, basepri_masks) {
    prepare(0x40, 0x20);
    set_basepri(0x40);
    pend(A | B);
    show("order", order);
    set_basepri(0);
    show("then", order);
}

CASE(priorities, basepri_zero_masks_nothing) {
    prepare(0xF0, 0xF0);
    set_basepri(0);
    pend(A);
    show("order", order);
}

#define BASEPRI_MAX(name, before, value)                                                           \
    CASE(priorities, name) {                                                                       \
        uint32_t after;                                                                            \
        set_basepri(before);                                                                       \
        __asm__ volatile("msr basepri_max, %1\nmrs %0, basepri" : "=r"(after) : "r"(value));       \
        set_basepri(0);                                                                            \
        show("basepri", after);                                                                    \
    }

BASEPRI_MAX(basepri_max_raises, 0x80, 0x40)
BASEPRI_MAX(basepri_max_does_not_lower, 0x40, 0x80)
BASEPRI_MAX(basepri_max_from_zero, 0, 0x80)
BASEPRI_MAX(basepri_max_ignores_zero, 0x80, 0)

CASE(priorities, primask_masks) {
    prepare(0, 0);
    set_primask(1);
    pend(A);
    show("order", order);
    set_primask(0);
    show("then", order);
}

CASE(priorities, faultmask_masks) {
    prepare(0, 0);
    set_faultmask(1);
    pend(A);
    show("order", order);
    set_faultmask(0);
    show("then", order);
}

static uint32_t faultmask_seen;

static void set_mask_within(struct entry *entry) {
    (void)entry;
    __asm__ volatile("cpsid f\nmrs %0, faultmask" : "=r"(faultmask_seen));
}

static uint32_t faultmask(void) {
    uint32_t value;
    __asm__ volatile("mrs %0, faultmask" : "=r"(value));
    return value;
}

CASE(priorities, faultmask_ends_with_the_handler) {
    hooks[SV_CALL] = set_mask_within;
    attempt(call, 0, 0);
    show("within", faultmask_seen);
    show("after", faultmask());
}

static void fault_hook(struct entry *entry) {
    set_mask_within(entry);
    frame_of(entry)->pc += 2;
}

INSTRUCTION(undefined, "udf 0");

CASE(priorities, faultmask_stays_clear_in_hard_fault) {
    faultmask_seen = 0x55;
    SHCSR = 0;
    hooks[HARD_FAULT] = fault_hook;
    attempt(undefined, 0, 0);
    show("within", faultmask_seen);
}

static void nmi_hook(struct entry *entry) {
    (void)entry;
    order = order << 4 | ipsr();
}

CASE(priorities, nmi_is_never_masked) {
    order = 0;
    hooks[2] = nmi_hook;
    set_faultmask(1);
    ICSR = 1u << 31;
    SYNCHRONIZE();
    show("order", order);
    show("faultmask", faultmask());
    set_faultmask(0);
}

CASE(priorities, svc_escalates_under_primask) {
    set_primask(1);
    attempt(call, 0, 0);
    show("exc", fault.exception);
    show("hfsr", fault.hfsr);
    set_primask(0);
}

CASE(priorities, svc_escalates_under_basepri) {
    SHPR(SV_CALL) = 0x80;
    set_basepri(0x80);
    attempt(call, 0, 0);
    show("exc", fault.exception);
    show("hfsr", fault.hfsr);
    set_basepri(0);
}

CASE(priorities, usage_fault_escalates_under_primask) {
    set_primask(1);
    SHOW_ATTEMPT(undefined, 0, 0);
    set_primask(0);
}

CASE(priorities, system_handler_and_interrupt) {
    prepare(0x20, 0x20);
    hooks[PEND_SV] = note;
    SHPR(PEND_SV) = 0x10;
    set_primask(1);
    ICSR = 1 << 28;
    pend(A);
    set_primask(0);
    show("order", order);
    attempt(nothing, 0, 0);
}
