/* Float registers: DDI 0403E, B1.4.7, B1.5.7 lazy preservation, B3.2.21 to 23; TRM, 7. */
#include "conformance.h"

INSTRUCTION(float_use, "vmov s0, r0");
INSTRUCTION(plain_call, "svc 1");
INSTRUCTION_BETWEEN(call_noting_sp, "vmov s0, r0\nmov r2, sp\nstr r2, [r1]", "svc 1", "");
INSTRUCTION_BETWEEN(call_with_float, "vmov s0, r0", "svc 1", "");
INSTRUCTION(float_moves, "vmov.f32 s1, s0");

static volatile struct entry seen;
static volatile uint32_t fpccr, fpcar, fpccr_after_use, control, saved, reserved;
static uint32_t *frame_words;

/* Where the float registers of the frame go, behind the eight words: B1.5.7. */
static uint32_t *floats_of(const struct entry *entry) {
    return (uint32_t *)(frame_of(entry) + 1);
}

/* Fills the stack below with a pattern, loads s0 to s15 and FPSCR, and calls. */
INSTRUCTION_BETWEEN(call_with_floats,
                    "movw r3, #0x5A5A\nmovs r2, #64\nmov r12, sp\n"
                    "1: str r3, [r12, #-4]!\nsubs r2, #1\nbne 1b\n"
                    "vmov s0, r0\nadds r0, #1\nvmov s1, r0\nadds r0, #14\nvmov s15, r0\n"
                    "mov r3, #0x00400000\nvmsr fpscr, r3",
                    "svc 1",
                    "vmov r0, s15\nvmrs r3, fpscr\nmovs r2, #0\nvmsr fpscr, r2\nmov r1, r3");

static void look(struct entry *entry) {
    seen = *entry;
    fpccr = FPCCR;
    fpcar = FPCAR - (uint32_t)frame_of(entry);
    __asm__ volatile("mrs %0, control" : "=r"(control));
    frame_words = floats_of(entry);
    saved = frame_words[0];
    reserved = frame_words[15];
}

static void use(struct entry *entry) {
    look(entry);
    __asm__ volatile(".fpu fpv4-sp-d16\nvmov s0, %0\nvmov s15, %0" ::"r"(0x99));
    fpccr_after_use = FPCCR;
}

static uint32_t call_with(hook handler, uint32_t control_register) {
    FPCCR = control_register;
    SYNCHRONIZE();
    hooks[SV_CALL] = handler;
    return attempt(call_with_floats, 0x100, 0);
}

enum { ASPEN = 1u << 31, LSPEN = 1 << 30, LSPACT = 1 };

CASE(lazy, no_coprocessor) {
    CPACR = 0;
    SYNCHRONIZE();
    SHOW_ATTEMPT(float_use, 0, 0);
}

CASE(lazy, no_coprocessor_for_unprivileged) {
    CPACR = 5 << 20;
    SYNCHRONIZE();
    attempt_unprivileged(float_use, 0, 0);
    show_fault(float_use_at);
}

CASE(lazy, privileged_access_is_enough) {
    CPACR = 5 << 20;
    SYNCHRONIZE();
    SHOW_ATTEMPT(float_use, 0, 0);
}

CASE(lazy, active_after_use) {
    uint32_t value;
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
    attempt(float_use, 0, 0);
    __asm__ volatile("mrs %0, control" : "=r"(value));
    show("control", value);
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
}

CASE(lazy, not_active_without_aspen) {
    uint32_t value;
    FPCCR = 0;
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
    attempt(float_use, 0, 0);
    __asm__ volatile("mrs %0, control" : "=r"(value));
    show("control", value);
}

CASE(lazy, exc_return) {
    call_with(look, ASPEN | LSPEN);
    show("exc_return", seen.exc_return);
    show("control", control);
}

CASE(lazy, basic_frame_without_floats) {
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
    hooks[SV_CALL] = look;
    attempt(plain_call, 0, 0);
    show("exc_return", seen.exc_return);
}

CASE(lazy, pending_in_handler) {
    call_with(look, ASPEN | LSPEN);
    show("fpccr", fpccr);
    show("fpcar", fpcar);
}

CASE(lazy, space_is_not_written) {
    call_with(look, ASPEN | LSPEN);
    show("s0", saved);
    show("s15", reserved);
}

CASE(lazy, saved_at_first_use) {
    call_with(use, ASPEN | LSPEN);
    show("fpccr", fpccr_after_use & LSPACT);
    show("s0", frame_words[0]);
    show("s1", frame_words[1]);
    show("s15", frame_words[15]);
    show("fpscr", frame_words[16]);
}

CASE(lazy, restored) {
    show("s15", call_with(use, ASPEN | LSPEN));
}

CASE(lazy, kept_if_not_used) {
    show("s15", call_with(look, ASPEN | LSPEN));
    show("fpccr", FPCCR & LSPACT);
}

CASE(lazy, written_at_once_without_lspen) {
    call_with(look, ASPEN);
    show("fpccr", fpccr & LSPACT);
    show("s0", saved);
    show("s15", reserved);
}

CASE(lazy, no_space_without_aspen) {
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
    call_with(look, 0);
    show("exc_return", seen.exc_return);
}

static volatile uint32_t fpscr_in_handler;

static void read_fpscr(struct entry *entry) {
    (void)entry;
    uint32_t value;
    __asm__ volatile(".fpu fpv4-sp-d16\nvmrs %0, fpscr" : "=r"(value));
    fpscr_in_handler = value;
}

CASE(lazy, default_status) {
    FPDSCR = 0x02000000;
    call_with(read_fpscr, ASPEN | LSPEN);
    show("fpscr", fpscr_in_handler);
}

INSTRUCTION_BETWEEN(call_then_status, "vmov s0, r0\nmov r3, #0x00400000\nvmsr fpscr, r3", "svc 1",
                    "vmrs r0, fpscr\nmovs r2, #0\nvmsr fpscr, r2");

CASE(lazy, status_is_restored) {
    hooks[SV_CALL] = read_fpscr;
    show("fpscr", attempt(call_then_status, 0, 0));
}

CASE(lazy, frame_size) {
    uint32_t sp;
    hooks[SV_CALL] = look;
    attempt(call_noting_sp, 0, (uint32_t)&sp);
    show("bytes", sp - seen.msp);
}

static void use_and_pend(struct entry *entry) {
    use(entry);
    ICSR = 1 << 28; /* PENDSVSET */
}

CASE(lazy, tail_chained_handler_is_not_active) {
    hooks[PEND_SV] = look;
    call_with(use_and_pend, ASPEN | LSPEN);
    show("exc_return", seen.exc_return);
    show("control", control);
}

/* The MPU takes the space away before the handler's first float instruction: MLSPERR. */
static void use_denied(struct entry *entry) {
    REGISTER(0xE000ED98) = 0;
    MPU_RBAR = (uint32_t)process_stack_end - 256;
    MPU_RASR = 0 << 24 | 7 << 1 | 1;
    MPU_CTRL = 5;
    SYNCHRONIZE();
    attempt(float_moves, 0, 0);
    MPU_CTRL = 0;
    SYNCHRONIZE();
    entry->recovers = true;
}

CASE(lazy, denied) {
    hooks[SV_CALL] = use_denied;
    SHPR(SV_CALL) = 0x40;
    attempt_on_process_stack(call_with_float, 0, 0);
    show_fault(0);
}

CASE(lazy, reset_value) {
    show("fpccr", FPCCR & (ASPEN | LSPEN));
    show("mvfr0", REGISTER(0xE000EF40));
    show("mvfr1", REGISTER(0xE000EF44));
}
