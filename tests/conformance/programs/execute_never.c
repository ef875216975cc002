/* Where code cannot be: DDI 0403E, B3.1, table B3-1, the default memory map; RM0090, 2.3. */
#include "conformance.h"

INSTRUCTION(jump, "bx r0");

#define JUMP(name, address)                                                                        \
    CASE(execute_never, name) {                                                                    \
        attempt(jump, (address) | 1, 0);                                                           \
        show_fault((const char *)(address));                                                       \
    }

JUMP(peripheral, 0x40000000)
JUMP(peripheral_end, 0x5FFFFFF0)
JUMP(device, 0xA0000000)
JUMP(device_end, 0xDFFFFFF0)
JUMP(private_bus, 0xE000E000)
JUMP(vendor, 0xE0100000)
/* Memory that may hold code, and has none: the fetch fails on the bus. */
JUMP(nothing_in_code, NOTHING_IN_CODE)
JUMP(nothing_in_sram, NOTHING_IN_SRAM)
JUMP(behind_ram, RAM_END)

CASE(execute_never, sram_executes) {
    static uint32_t code[2];
    code[0] = 0x4770202A; /* movs r0, #42; bx lr */
    SYNCHRONIZE();
    show("value", attempt(jump, (uint32_t)code | 1, 0));
    show_fault((const char *)code);
}

/* In Thread mode EXC_RETURN is an address like any other: B1.5.8. */
JUMP(exception_return_in_thread, 0xFFFFFFF8)

CASE(execute_never, escalates) {
    SHCSR = 0;
    attempt(jump, 0x40000001, 0);
    show_fault((const char *)0x40000000);
}
