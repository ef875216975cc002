/*
 * A fault sends the registers to the host and stops.
 */
#include <stdbool.h>
#include <stdint.h>

#include "cortexm.h"
#include "port.h"

extern uint32_t stack_bottom[], stack_top[];

#define FAULT_STACK_SIZE "384"
__attribute__((aligned(8), used)) uint8_t fault_stack[384];

#define STACKED_WORDS 8U /* r0 to r3, r12, lr, pc, xpsr: Armv7-M ARM, B1.5.6 */

/* Returns whether the exception frame is in the stack. After a stack overflow it is not, and
 * reading it would fault again. */
static bool readable(const uint32_t *frame) {
    return frame >= stack_bottom && frame + STACKED_WORDS <= stack_top;
}

__attribute__((noreturn, used)) void fault_entry(const uint32_t *frame, uint32_t exc_return) {
    uint32_t words[FAULT_WORDS] = {0};
    if (readable(frame)) {
        for (uint32_t i = 0; i < STACKED_WORDS; i++) {
            words[i] = frame[i];
        }
    }
    words[8] = (uint32_t)frame;
    words[9] = exc_return;
#if !defined(__ARM_ARCH_6M__) /* Armv6-M has none of these (Armv6-M ARM, DDI 0419, B3.2.2) */
    words[10] = SCB_CFSR;
    words[11] = SCB_HFSR;
    words[12] = SCB_MMFAR;
    words[13] = SCB_BFAR;
#endif
    report_fault(words);
    for (;;) {
        __asm volatile("wfi");
    }
}

/* Finds the exception frame (bit 2 of EXC_RETURN selects the stack) and switches to a stack of its
 * own, because the old one may have caused the fault. It does not return. It uses only
 * instructions that Armv6-M has, too. */
__attribute__((naked)) void fault_handler(void) {
    __asm volatile(".syntax unified\n" /* for Armv6-M, GCC selects the old syntax */
                   "cpsid i\n"
                   "mov r1, lr\n"
                   "mrs r0, msp\n"
                   "movs r2, #4\n"
                   "tst r1, r2\n"
                   "beq 1f\n"
                   "mrs r0, psp\n"
                   "1: ldr r2, =fault_stack + " FAULT_STACK_SIZE "\n"
                   "mov sp, r2\n"
                   "bl fault_entry\n");
}
