/* Which instructions need an aligned address: Armv7-M ARM, DDI 0403E, A3.2.1. */
#include "conformance.h"

static uint32_t words[8] __attribute__((aligned(8)));

static uint32_t place(uint32_t offset) {
    for (uint32_t number = 0; number < 8; number++)
        words[number] = 0x03020100 + 0x04040404 * number;
    return (uint32_t)words + offset;
}

#define NEEDS_ALIGNED(name, instruction)                                                           \
    INSTRUCTION(do_##name, instruction);                                                           \
    CASE(unaligned, name) {                                                                        \
        SHOW_ATTEMPT(do_##name, place(2), 0);                                                      \
    }

NEEDS_ALIGNED(ldrd, "ldrd r2, r3, [r0]")
NEEDS_ALIGNED(strd, "strd r0, r1, [r0]")
NEEDS_ALIGNED(ldm, "ldm r0, {r2, r3}")
NEEDS_ALIGNED(ldm_writeback, "ldmia r0!, {r2, r3}")
NEEDS_ALIGNED(ldmdb, "ldmdb r0, {r2, r3}")
NEEDS_ALIGNED(stm, "stmia r0!, {r2, r3}")
NEEDS_ALIGNED(stmdb, "stmdb r0, {r2, r3}")
NEEDS_ALIGNED(ldrex, "ldrex r0, [r0]")
NEEDS_ALIGNED(strex, "strex r2, r1, [r0]")
NEEDS_ALIGNED(vldr, "vldr s0, [r0]")
NEEDS_ALIGNED(vldr_double, "vldr d0, [r0]")
NEEDS_ALIGNED(vstr, "vstr s0, [r0]")
NEEDS_ALIGNED(vldm, "vldm r0, {s0-s1}")
NEEDS_ALIGNED(vstm, "vstm r0, {s0-s1}")
INSTRUCTION(do_ldrexh, "ldrexh r0, [r0]");
INSTRUCTION(do_strexh, "strexh r2, r1, [r0]");

CASE(unaligned, ldrexh) {
    SHOW_ATTEMPT(do_ldrexh, place(1), 0);
}

CASE(unaligned, strexh) {
    SHOW_ATTEMPT(do_strexh, place(1), 0);
}

CASE(unaligned, ldrd_words_are_enough) {
    SHOW_ATTEMPT(do_ldrd, place(4), 0);
}

CASE(unaligned, vldr_double_words_are_enough) {
    SHOW_ATTEMPT(do_vldr_double, place(4), 0);
}

INSTRUCTION(do_ldrd_writeback, "ldrd r2, r3, [r0], #8");

CASE(unaligned, base_is_kept) {
    const uint32_t address = place(2);
    attempt(do_ldrd_writeback, address, 0);
    show("changed_by", fault.frame.r[0] - address);
}

CASE(unaligned, base_of_ldm_is_kept) {
    const uint32_t address = place(2);
    attempt(do_ldm_writeback, address, 0);
    show("changed_by", fault.frame.r[0] - address);
}

CASE(unaligned, strd_stores_nothing) {
    attempt(do_strd, place(2), 0);
    show("words", words[0]);
    show("words", words[1]);
    show("words", words[2]);
}

INSTRUCTION(do_ldr, "ldr r0, [r0]");
INSTRUCTION(do_ldrh, "ldrh r0, [r0]");
INSTRUCTION(do_ldrsh, "ldrsh r0, [r0]");
INSTRUCTION(do_ldrb, "ldrb r0, [r0]");
INSTRUCTION(do_str, "str r1, [r0]");
INSTRUCTION(do_strh, "strh r1, [r0]");
INSTRUCTION(do_ldrt, "ldrt r0, [r0]");

CASE(unaligned, ldr_works) {
    const uint32_t address = place(1);
    show("value", attempt(do_ldr, address, 0));
    show_fault(do_ldr_at);
}

CASE(unaligned, ldrh_works) {
    show("value", attempt(do_ldrh, place(3), 0));
    show_fault(do_ldrh_at);
}

CASE(unaligned, str_works) {
    attempt(do_str, place(3), 0xAABBCCDD);
    show_fault(do_str_at);
    show("words", words[0]);
    show("words", words[1]);
}

CASE(unaligned, strh_works) {
    attempt(do_strh, place(3), 0xAABBCCDD);
    show_fault(do_strh_at);
    show("words", words[0]);
    show("words", words[1]);
}

static void trap_unaligned(void) {
    CCR |= UNALIGN_TRP;
    SYNCHRONIZE();
}

#define TRAPPED(name, offset)                                                                      \
    CASE(unaligned, name##_trapped) {                                                              \
        const uint32_t address = place(offset);                                                    \
        trap_unaligned();                                                                          \
        SHOW_ATTEMPT(do_##name, address, 0);                                                       \
    }

TRAPPED(ldr, 1)
TRAPPED(ldrh, 1)
TRAPPED(ldrsh, 3)
TRAPPED(str, 2)
TRAPPED(strh, 1)
TRAPPED(ldrt, 2)

CASE(unaligned, bytes_not_trapped) {
    const uint32_t address = place(1);
    trap_unaligned();
    show("value", attempt(do_ldrb, address, 0));
    show_fault(do_ldrb_at);
}

CASE(unaligned, aligned_not_trapped) {
    const uint32_t address = place(4);
    trap_unaligned();
    show("value", attempt(do_ldr, address, 0));
    show_fault(do_ldr_at);
}

CASE(unaligned, store_is_not_done) {
    const uint32_t address = place(2);
    trap_unaligned();
    attempt(do_str, address, 0);
    show("words", words[0]);
    show("words", words[1]);
}

/* The trap holds for the access right behind the barriers: A3.7.3. */
INSTRUCTION_BETWEEN(do_trap_at_once, "ldr r2, =0xE000ED14\nstr r1, [r2]\ndsb\nisb", "ldr r0, [r0]",
                    "bx lr\n.ltorg");

CASE(unaligned, trap_holds_at_once) {
    SHOW_ATTEMPT(do_trap_at_once, place(2), STKALIGN | UNALIGN_TRP);
}

CASE(unaligned, escalates) {
    SHCSR = 0;
    SHOW_ATTEMPT(do_ldrd, place(2), 0);
}
