/* Registers that identify and configure the core: DDI 0403E, B3.2; TRM, DDI 0439B, 4. */
#include "conformance.h"

#define READS(name, expression)                                                                    \
    CASE(registers, name) {                                                                        \
        show("value", expression);                                                                 \
    }

READS(cpuid, CPUID & 0xFF0FFFF0) /* any Cortex-M4 */
READS(ccr, CCR)
READS(isar0, REGISTER(0xE000ED60))
READS(isar1, REGISTER(0xE000ED64))
READS(isar2, REGISTER(0xE000ED68))
READS(isar3, REGISTER(0xE000ED6C))
READS(isar4, REGISTER(0xE000ED70))
READS(mmfr0, REGISTER(0xE000ED50))
READS(pfr1, REGISTER(0xE000ED44))
READS(no_debugger, DHCSR & 1)

CASE(registers, ccr_writes) {
    CCR = 0x31B;
    show("value", CCR);
}

CASE(registers, cpacr_writes) {
    CPACR = 0x00F00000;
    show("value", CPACR);
}

CASE(registers, scr_writes) {
    SCR = 0xFF;
    show("value", SCR);
}

CASE(registers, control_writes) {
    uint32_t value;
    __asm__ volatile("msr control, %1\nisb\nmrs %0, control\nmsr control, %2\nisb"
                     : "=r"(value)
                     : "r"(4), "r"(0));
    show("value", value);
}

CASE(registers, saturation_flag) {
    uint32_t value;
    __asm__ volatile("mov r2, #0x7FFFFFFF\nqadd r2, r2, r2\nmrs %0, apsr\nmov r2, #0\n"
                     "msr apsr_nzcvq, r2"
                     : "=r"(value)::"r2", "cc");
    show("q", value >> 27 & 1);
}
