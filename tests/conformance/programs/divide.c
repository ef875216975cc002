/* Division: DDI 0403E, A7.7.127 SDIV, A7.7.195 UDIV, B3.2.8 CCR.DIV_0_TRP. */
#include "conformance.h"

INSTRUCTION(do_udiv, "udiv r0, r0, r1");
INSTRUCTION(do_sdiv, "sdiv r0, r0, r1");
INSTRUCTION_BETWEEN(do_udiv_skipped, "cmp r0, #0", "it eq\nudiveq r0, r0, r1", "");

static void divide(program code, const char *at, uint32_t a, uint32_t b, uint32_t ccr) {
    CCR |= ccr;
    SYNCHRONIZE();
    const uint32_t value = attempt(code, a, b);
    show_fault(at);
    if (!fault.count)
        show("value", value);
}

CASE(divide, by_zero) {
    divide(do_udiv, do_udiv_at, 7, 0, 0);
}

CASE(divide, signed_by_zero) {
    divide(do_sdiv, do_sdiv_at, 7, 0, 0);
}

CASE(divide, most_negative_by_minus_one) {
    divide(do_sdiv, do_sdiv_at, 0x80000000, 0xFFFFFFFF, DIV_0_TRP);
}

CASE(divide, rounds_towards_zero) {
    divide(do_sdiv, do_sdiv_at, (uint32_t)-7, 2, 0);
}

CASE(divide, trapped) {
    divide(do_udiv, do_udiv_at, 7, 0, DIV_0_TRP);
}

CASE(divide, signed_trapped) {
    divide(do_sdiv, do_sdiv_at, 7, 0, DIV_0_TRP);
}

CASE(divide, by_one_not_trapped) {
    divide(do_udiv, do_udiv_at, 7, 1, DIV_0_TRP);
}

CASE(divide, failed_condition_not_trapped) {
    divide(do_udiv_skipped, do_udiv_skipped_at, 7, 0, DIV_0_TRP);
}

CASE(divide, escalates) {
    SHCSR = 0;
    divide(do_udiv, do_udiv_at, 7, 0, DIV_0_TRP);
}
