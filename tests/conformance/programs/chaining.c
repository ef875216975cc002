/* Stacking, tail-chaining and late arrival: DDI 0403E, B1.5.6, B1.5.7, B1.5.11, B1.5.12. */
#include "conformance.h"

enum { A = 1 << INTERRUPT_A, B = 1 << INTERRUPT_B };
enum { VECTOR_A = FIRST_INTERRUPT + INTERRUPT_A, VECTOR_B = FIRST_INTERRUPT + INTERRUPT_B };
/* Bits of a stacked xPSR that are reserved: an unstacking loses them. */
enum { RESERVED = 1 << 20 };

static volatile struct entry first, second;
static volatile uint32_t marked;

static void mark(struct entry *entry) {
    first = *entry;
    frame_of(entry)->xpsr |= RESERVED;
}

static void look(struct entry *entry) {
    second = *entry;
    marked = frame_of(entry)->xpsr >> 20 & 1;
}

static void chain(void) {
    hooks[VECTOR_A] = mark;
    hooks[VECTOR_B] = look;
    set_primask(1);
    enable_interrupts(A | B);
    NVIC_ISPR = A | B;
    set_primask(0);
}

CASE(chaining, no_unstacking_between) {
    chain();
    show("frame_kept", marked);
}

CASE(chaining, one_frame) {
    chain();
    show("between", first.msp - second.msp);
}

CASE(chaining, exc_return) {
    chain();
    show("first", first.exc_return);
    show("second", second.exc_return);
}

static void pend_b(struct entry *entry) {
    mark(entry);
    NVIC_ISPR = B;
}

CASE(chaining, pended_within) {
    hooks[VECTOR_A] = pend_b;
    hooks[VECTOR_B] = look;
    NVIC_IPR(INTERRUPT_B) = 0x40;
    enable_interrupts(A | B);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("frame_kept", marked);
}

static void preempted(struct entry *entry) {
    first = *entry;
    NVIC_ISPR = B;
    SYNCHRONIZE();
}

CASE(chaining, nested_exc_return) {
    hooks[VECTOR_A] = preempted;
    hooks[VECTOR_B] = look;
    NVIC_IPR(INTERRUPT_A) = 0x40;
    enable_interrupts(A | B);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("outer", first.exc_return);
    show("inner", second.exc_return);
    show("number", frame_of((const struct entry *)&second)->xpsr & 0x1FF);
}

/* SVCall cannot be stacked, so the MemManage or BusFault of its stacking arrives late, and goes
 * first if its priority is higher: B1.5.11, derived exceptions. */
static volatile uint32_t order, pended, active;
static volatile uint32_t psp_seen;

static void arrive(struct entry *entry) {
    order = order << 4 | ipsr();
    if (order == BUS_FAULT) {
        pended = SHCSR >> 15 & 1;
        active = SHCSR >> 7 & 1;
        psp_seen = entry->psp;
        CFSR = CFSR;
    }
    entry->recovers = order != BUS_FAULT;
    if (!entry->recovers) {
        /* SVCall comes next, tail-chained; the process stack is where it can be unstacked. */
        __asm__ volatile("msr psp, %0" ::"r"(process_stack_end - 32));
    }
}

INSTRUCTION_BETWEEN(call_without_stack, "msr psp, r0", "svc 1", "");

static void call_late(uint8_t priority) {
    order = 0;
    hooks[BUS_FAULT] = arrive;
    hooks[SV_CALL] = arrive;
    SHPR(SV_CALL) = priority;
    attempt_on_process_stack(call_without_stack, NOTHING_IN_SRAM + 0x100, 0);
}

CASE(chaining, late_arrival) {
    call_late(0x40);
    show("order", order);
    show("svcall_pended", pended);
    show("svcall_active", active);
}

CASE(chaining, late_arrival_adjusts_sp_once) {
    call_late(0x40);
    show("below", NOTHING_IN_SRAM + 0x100 - psp_seen);
}

INSTRUCTION(call, "svc 1");
static volatile struct frame stacked;

static void copy(struct entry *entry) {
    stacked = *frame_of(entry);
    second = *entry;
}

INSTRUCTION_BETWEEN(call_with_registers,
                    "movw r12, #0x1111\nmovw r2, #0x2222\nmovw r3, #0x3333\npush {r4, lr}\n"
                    "mov lr, r12",
                    "svc 1", "pop {r4, lr}");

CASE(chaining, frame) {
    hooks[SV_CALL] = copy;
    attempt(call_with_registers, 0x4444, 0x5555);
    show("r0", stacked.r[0]);
    show("r1", stacked.r[1]);
    show("r2", stacked.r[2]);
    show("r3", stacked.r[3]);
    show("r12", stacked.r12);
    show("lr", stacked.lr);
    show("pc", stacked.pc - (uint32_t)call_with_registers_at);
}

static void change(struct entry *entry) {
    frame_of(entry)->r[0] = 0x77;
}

CASE(chaining, changed_frame_is_unstacked) {
    hooks[SV_CALL] = change;
    show("r0", attempt(call, 0x11, 0));
}

/* The stack pointer of the caller, or 4 below it: `a` bytes lower. */
INSTRUCTION_BETWEEN(call_lower,
                    "mov r2, sp\nstr r2, [r1, #0]\nsubs r3, r2, r0\nmov sp, r3\nstr r3, [r1]",
                    "svc 1", "mov r3, sp\nstr r3, [r1, #4]\nmov sp, r2");

static void call_with_stack(uint32_t lower, uint32_t ccr) {
    uint32_t sp[2];
    CCR = ccr;
    SYNCHRONIZE();
    hooks[SV_CALL] = copy;
    attempt(call_lower, lower, (uint32_t)sp);
    show("frame", sp[0] - second.msp);
    show("aligner", stacked.xpsr >> 9 & 1);
    show("back", sp[1] - sp[0]);
}

CASE(chaining, aligned_stack) {
    call_with_stack(8, STKALIGN);
}

CASE(chaining, unaligned_stack_is_aligned) {
    call_with_stack(4, STKALIGN);
}

CASE(chaining, unaligned_stack_without_stkalign) {
    call_with_stack(4, 0);
}

CASE(chaining, process_stack) {
    hooks[SV_CALL] = copy;
    attempt_on_process_stack(call, 0, 0);
    show("exc_return", second.exc_return);
    show("above", (uint32_t)process_stack_end - second.psp);
}
