/* Unprivileged Thread mode: DDI 0403E, B1.3.1, B3.1.1 (the PPB) and B5.2 (MRS, MSR, CPS). */
#include "conformance.h"

INSTRUCTION(user_load, "ldr r0, [r0]");
INSTRUCTION(user_store, "str r1, [r0]");
INSTRUCTION(user_sets_primask, "msr primask, r0");
INSTRUCTION(user_sets_basepri, "msr basepri, r0");
INSTRUCTION(user_sets_faultmask, "msr faultmask, r0");
INSTRUCTION(user_sets_control, "msr control, r0");
INSTRUCTION(user_sets_psp, "msr psp, r0");
INSTRUCTION(user_sets_flags, "msr apsr_nzcvq, r0\nmrs r0, apsr");
INSTRUCTION(user_disables, "cpsid i");
INSTRUCTION_BETWEEN(user_reads_primask, "", "mrs r2, primask", "str r2, [r0]");
INSTRUCTION(user_reads_psp, "mrs r0, psp");
INSTRUCTION(user_reads_control, "mrs r0, control");
INSTRUCTION(user_reads_ipsr, "mrs r0, ipsr");

#define PRIVATE(name, code, address, value)                                                        \
    CASE(unprivileged, name) {                                                                     \
        attempt_unprivileged(code, (uint32_t)(address), value);                                    \
        show_fault(code##_at);                                                                     \
    }

PRIVATE(reads_scs, user_load, &CPUID, 0)
PRIVATE(writes_scs, user_store, &VTOR, 0x08000000)
PRIVATE(reads_nvic, user_load, &NVIC_ISER, 0)
PRIVATE(reads_systick, user_load, &SYST_CSR, 0)
PRIVATE(reads_dwt, user_load, 0xE0001000, 0)
PRIVATE(writes_stir, user_store, &STIR, INTERRUPT_A)
PRIVATE(reads_sram, user_load, 0x20000000, 0)

CASE(unprivileged, writes_stir_if_permitted) {
    CCR |= 2; /* USERSETMPEND */
    attempt_unprivileged(user_store, (uint32_t)&STIR, INTERRUPT_A);
    show_fault(user_store_at);
    show("pending", NVIC_ISPR);
}

CASE(unprivileged, refused_write_has_no_effect) {
    const uint32_t before = SHCSR;
    attempt_unprivileged(user_store, (uint32_t)&SHCSR, 0);
    show("changed", SHCSR != before);
}

static uint32_t primask_after, basepri_after, faultmask_after, control_after;

/* The call at the end of unprivileged code sees what it has changed. */
static void look(struct entry *entry) {
    (void)entry;
    __asm__ volatile("mrs %0, primask" : "=r"(primask_after));
    __asm__ volatile("mrs %0, basepri" : "=r"(basepri_after));
    __asm__ volatile("mrs %0, faultmask" : "=r"(faultmask_after));
    __asm__ volatile("mrs %0, control" : "=r"(control_after));
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
}

#define IGNORED(name, code, value, seen)                                                           \
    CASE(unprivileged, name) {                                                                     \
        hooks[SV_CALL] = look;                                                                     \
        attempt_unprivileged(code, value, 0);                                                      \
        show_fault(code##_at);                                                                     \
        show("value", seen);                                                                       \
    }

IGNORED(primask, user_sets_primask, 1, primask_after)
IGNORED(basepri, user_sets_basepri, 0x80, basepri_after)
IGNORED(faultmask, user_sets_faultmask, 1, faultmask_after)
IGNORED(control, user_sets_control, 0, control_after)
IGNORED(cpsid, user_disables, 0, primask_after)

CASE(unprivileged, psp) {
    __asm__ volatile("msr psp, %0" ::"r"(process_stack_end));
    attempt_unprivileged(user_sets_psp, 0x20000100, 0);
    uint32_t psp;
    __asm__ volatile("mrs %0, psp" : "=r"(psp));
    show("changed", psp != (uint32_t)process_stack_end);
}

CASE(unprivileged, flags_are_writable) {
    show("value", attempt_unprivileged(user_sets_flags, 0xF8000000, 0));
}

CASE(unprivileged, reads_primask_as_zero) {
    uint32_t value = 0x55;
    set_primask(1);
    attempt_unprivileged(user_reads_primask, (uint32_t)&value, 0); /* its SVC ends in a HardFault */
    set_primask(0);
    show("value", value);
}

CASE(unprivileged, reads_psp_as_zero) {
    __asm__ volatile("msr psp, %0" ::"r"(process_stack_end));
    show("value", attempt_unprivileged(user_reads_psp, 0, 0));
}

CASE(unprivileged, reads_control) {
    show("value", attempt_unprivileged(user_reads_control, 0, 0));
}

CASE(unprivileged, reads_ipsr_as_zero) {
    show("value", attempt_unprivileged(user_reads_ipsr, 0, 0));
}

static void show_privilege(struct entry *entry) {
    (void)entry;
    show("cpuid_in_handler", CPUID >> 24);
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
}

CASE(unprivileged, handlers_are_privileged) {
    hooks[SV_CALL] = show_privilege;
    attempt_unprivileged(user_reads_control, 0, 0);
    show_fault(0);
}
