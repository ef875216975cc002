/* UsageFaults of instructions and of exception returns: DDI 0403E, A5, B1.5.8, B1.5.14. */
#include "conformance.h"

#define UNDEFINED(name, instruction)                                                               \
    INSTRUCTION(do_##name, instruction);                                                           \
    CASE(instructions, name) {                                                                     \
        SHOW_ATTEMPT(do_##name, 0x20000000, 0);                                                    \
    }

UNDEFINED(udf, "udf 0")
UNDEFINED(udf_wide, "udf.w 0")
/* Of Armv8-M or of other profiles; in Armv7-M nothing has these encodings. */
UNDEFINED(lda, ".short 0xE8D0, 0x0FAF")
UNDEFINED(stl, ".short 0xE8C0, 0x1FAF")
UNDEFINED(hlt, ".short 0xBA80")
UNDEFINED(setend, ".short 0xB650")
UNDEFINED(cps_of_arm, ".short 0xF3AF, 0x8120")
UNDEFINED(smc, ".short 0xF7F0, 0x8000")
UNDEFINED(hvc, ".short 0xF7E0, 0x8000")
UNDEFINED(blx_immediate, ".short 0xF000, 0xE800")
UNDEFINED(ldrexd, ".short 0xE8D0, 0x127F")
UNDEFINED(crc32, ".short 0xFAC0, 0xF081")
/* The FPv4-SP unit has no double precision and none of FPv5's instructions. */
UNDEFINED(vadd_double, ".short 0xEE30, 0x0B01")
UNDEFINED(vsel, ".short 0xFE00, 0x0A00")
UNDEFINED(vmaxnm, ".short 0xFE80, 0x0A00")
UNDEFINED(vrinta, ".short 0xFEB8, 0x0A40")
UNDEFINED(neon, ".short 0xEF00, 0x0800")
/* Coprocessors that are not there: NOCP. */
UNDEFINED(mrc, "mrc p15, 0, r0, c0, c0, 0")
UNDEFINED(mcr, "mcr p4, 0, r0, c0, c0, 0")
UNDEFINED(cdp, "cdp p7, 0, c0, c0, c0, 0")
UNDEFINED(ldc, "ldc p5, c0, [r0]")

/* What exists in Armv7E-M and is easily missed. */
INSTRUCTION(dsp, "smlad r0, r0, r1, r1");
INSTRUCTION(hint, ".short 0xBF70"); /* a reserved hint is a NOP */
INSTRUCTION_BETWEEN(stack_pointer_bits, "mov r2, sp\norr r3, r2, #3\nmov sp, r3", "mov r3, sp",
                    "mov sp, r2\nsubs r0, r3, r2");

CASE(instructions, smlad) {
    show("value", attempt(dsp, 0x00020003, 0x00040005));
    show_fault(dsp_at);
}

CASE(instructions, reserved_hint) {
    SHOW_ATTEMPT(hint, 0, 0);
}

CASE(instructions, stack_pointer_is_aligned) {
    show("value", attempt(stack_pointer_bits, 0, 0));
}

INSTRUCTION(branch, "bx r0");
INSTRUCTION(branch_link, "blx r0");
INSTRUCTION_BETWEEN(pop_pc, "push {r0}", "pop {pc}", "");
INSTRUCTION_BETWEEN(load_pc, "push {r0}\nmov r2, sp\nadd sp, #4", "ldr pc, [r2]", "");
INSTRUCTION(target, "nop");

#define TO_ARM(name, code)                                                                         \
    CASE(instructions, name) {                                                                     \
        attempt(code, (uint32_t)target_at, 0);                                                     \
        show_fault(target_at);                                                                     \
        show("thumb", fault.frame.xpsr >> 24 & 1);                                                 \
    }

TO_ARM(bx_to_arm, branch)
TO_ARM(blx_to_arm, branch_link)
TO_ARM(pop_to_arm, pop_pc)
TO_ARM(ldr_to_arm, load_pc)

INSTRUCTION(call, "svc 1");

CASE(instructions, svc) {
    SHOW_ATTEMPT(call, 0, 0);
}

static void to_arm(struct entry *entry) {
    frame_of(entry)->pc = (uint32_t)target_at;
    frame_of(entry)->xpsr &= ~(1u << 24);
}

CASE(instructions, return_to_arm) {
    hooks[SV_CALL] = to_arm;
    attempt(call, 0, 0);
    show_fault(target_at);
}

static void with_ipsr(struct entry *entry) {
    frame_of(entry)->xpsr |= 5;
}

CASE(instructions, return_to_thread_with_ipsr) {
    hooks[SV_CALL] = with_ipsr;
    attempt(call, 0, 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr);
}

/* A handler that returns by an EXC_RETURN of the case's choice. */
volatile uint32_t chosen_return;

__attribute__((naked)) static void return_by_choice(void) {
    __asm__ volatile("ldr r0, =chosen_return\nldr r0, [r0]\nbx r0\n.ltorg");
}

static void (*moved[FIRST_INTERRUPT + 96])(void) __attribute__((aligned(512)));

static void return_by(uint32_t exc_return, uint32_t vector_bits) {
    const uint32_t *vectors = (const uint32_t *)0x08000000;
    for (uint32_t number = 0; number < FIRST_INTERRUPT + 72; number++)
        moved[number] = (void (*)(void))vectors[number];
    moved[SV_CALL] = (void (*)(void))(((uint32_t)return_by_choice & ~1u) | vector_bits);
    chosen_return = exc_return;
    VTOR = (uint32_t)moved;
    SHPR(SV_CALL) = 0x40;
    SYNCHRONIZE();
    attempt(call, 0, 0);
    VTOR = 0x08000000;
    show("exc", fault.exception);
    show("cfsr", fault.cfsr);
}

CASE(instructions, return_to_thread) {
    return_by(0xFFFFFFF9, 1);
}

CASE(instructions, return_to_handler_without_one) {
    return_by(0xFFFFFFF1, 1);
}

CASE(instructions, return_reserved) {
    return_by(0xFFFFFFF5, 1);
}

CASE(instructions, vector_to_arm) {
    return_by(0xFFFFFFF9, 0);
}

static void nest(struct entry *entry) {
    (void)entry;
    chosen_return = 0xFFFFFFF9;
    attempt(call, 0, 0);
}

static void pend_sv(void) {
    ICSR = 1 << 28;
    SYNCHRONIZE();
}

/* PendSV's handler calls, and SVCall's returns to Thread mode past it. */
static void return_past_a_handler(uint32_t ccr) {
    const uint32_t *vectors = (const uint32_t *)0x08000000;
    for (uint32_t number = 0; number < FIRST_INTERRUPT + 72; number++)
        moved[number] = (void (*)(void))vectors[number];
    moved[SV_CALL] = return_by_choice;
    VTOR = (uint32_t)moved;
    CCR = STKALIGN | ccr;
    SHPR(SV_CALL) = 0x40;
    SHPR(PEND_SV) = 0x80;
    hooks[PEND_SV] = nest;
    pend_sv();
    VTOR = 0x08000000;
    show("exc", fault.exception);
    show("cfsr", fault.cfsr);
}

CASE(instructions, return_past_a_handler) {
    return_past_a_handler(0);
}

INSTRUCTION(breakpoint, "bkpt 0");

CASE(instructions, bkpt) {
    attempt(breakpoint, 0, 0);
    show("exc", fault.exception);
    show("hfsr", fault.hfsr);
    show("pc", fault.frame.pc - (uint32_t)breakpoint_at);
}

CASE(instructions, bkpt_for_debug_monitor) {
    DEMCR = 1 << 16; /* MON_EN */
    SYNCHRONIZE();
    SHOW_ATTEMPT(breakpoint, 0, 0);
}

/* Within an IT block: the load's condition holds. */
INSTRUCTION_BETWEEN(fault_in_it, "cmp r0, r0\nitt eq\nmoveq r2, #0", "ldrdeq r2, r3, [r1]", "");

CASE(instructions, it_state_is_stacked) {
    attempt(fault_in_it, 0, 0x20000001);
    show_fault(fault_in_it_at);
    show("it", (fault.frame.xpsr >> 10 & 0x3F) << 2 | (fault.frame.xpsr >> 25 & 3));
}
