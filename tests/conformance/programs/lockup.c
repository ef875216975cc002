/* A fault within a HardFault locks the core up: DDI 0403E, B1.5.15. The host looks from outside. */
#include "conformance.h"

INSTRUCTION(undefined, "udf 0");

static void fault_again(struct entry *entry) {
    undefined(0, 0);
    entry->recovers = true;
}

CASE(lockup, fault_in_hard_fault) {
    SHCSR = 0;
    hooks[HARD_FAULT] = fault_again;
    attempt(undefined, 0, 0);
}
