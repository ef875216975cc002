/* The memory protection unit: DDI 0403E, B3.5 (PMSAv7), and B1.5.14, table B1-9, of its faults. */
#include "conformance.h"

enum { ENABLE = 1, HFNMIENA = 2, PRIVDEFENA = 4 };
/* MPU_RASR: execute never, access permissions, memory type, and sizes; table B3-15. */
enum { XN = 1 << 28, FULL = 3 << 24, NO_ACCESS = 0, READ_ONLY = 6 << 24 };
enum { PRIVILEGED = 1 << 24, USER_READS = 2 << 24, PRIVILEGED_READS = 5 << 24 };
enum { NORMAL = 1 << 19 | 1 << 17, BYTES_32 = 4 << 1, BYTES_256 = 7 << 1, BYTES_512M = 28 << 1 };

static uint32_t guarded[128] __attribute__((aligned(512)));

INSTRUCTION(guarded_load, "ldr r0, [r0]");
INSTRUCTION(guarded_load_byte, "ldrb r0, [r0]");
INSTRUCTION(guarded_store, "str r1, [r0]");
INSTRUCTION(guarded_loads, "ldm r0, {r2, r3, r12}");
INSTRUCTION(guarded_load_user, "ldrt r0, [r0]");
INSTRUCTION(guarded_jump, "bx r0");
INSTRUCTION(guarded_call, "svc 1");

static void region(uint32_t number, const void *base, uint32_t attributes) {
    MPU_RNR = number;
    MPU_RBAR = (uint32_t)base;
    MPU_RASR = attributes | NORMAL | 1;
}

static void enable(uint32_t control) {
    MPU_CTRL = control | ENABLE;
    SYNCHRONIZE();
}

static void no_regions(void) {
    for (uint32_t number = 0; number < 8; number++) {
        MPU_RNR = number;
        MPU_RASR = 0;
        MPU_RBAR = 0;
    }
}

/* Code, RAM and devices for everybody, and a region of 256 bytes with `attributes`. */
static void guard(uint32_t attributes) {
    no_regions();
    region(0, 0, FULL | BYTES_512M);
    region(1, (void *)0x20000000, FULL | BYTES_512M);
    region(2, (void *)0x40000000, FULL | BYTES_512M | XN);
    region(4, guarded, attributes | BYTES_256);
    enable(PRIVDEFENA);
}

static void show_in_guarded(const char *at) {
    MPU_CTRL = 0;
    SYNCHRONIZE();
    if (fault.cfsr & 0x80)
        fault.mmfar -= (uint32_t)guarded;
    show_fault(at);
}

#define SHOW_GUARDED(code, a)                                                                      \
    do {                                                                                           \
        attempt(code, (uint32_t)(a), 0);                                                           \
        show_in_guarded(code##_at);                                                                \
    } while (0)
#define SHOW_UNPRIVILEGED(code, a)                                                                 \
    do {                                                                                           \
        attempt_unprivileged(code, (uint32_t)(a), 0);                                              \
        show_in_guarded(code##_at);                                                                \
    } while (0)

CASE(mpu, type) {
    show("type", MPU_TYPE);
}

CASE(mpu, no_access) {
    guard(NO_ACCESS);
    SHOW_GUARDED(guarded_load, guarded + 1);
}

CASE(mpu, no_access_store) {
    guard(NO_ACCESS);
    SHOW_GUARDED(guarded_store, guarded + 1);
}

CASE(mpu, refused_store_changes_nothing) {
    guarded[1] = 0x55;
    guard(READ_ONLY);
    attempt(guarded_store, (uint32_t)&guarded[1], 0);
    MPU_CTRL = 0;
    show("memory", guarded[1]);
}

CASE(mpu, read_only_load) {
    guard(READ_ONLY);
    SHOW_GUARDED(guarded_load, guarded + 1);
}

CASE(mpu, read_only_store) {
    guard(READ_ONLY);
    SHOW_GUARDED(guarded_store, guarded + 1);
}

CASE(mpu, full_access) {
    guard(FULL);
    SHOW_UNPRIVILEGED(guarded_store, guarded + 1);
}

CASE(mpu, privileged_only) {
    guard(PRIVILEGED);
    SHOW_GUARDED(guarded_store, guarded + 1);
}

CASE(mpu, privileged_only_unprivileged) {
    guard(PRIVILEGED);
    SHOW_UNPRIVILEGED(guarded_load, guarded + 1);
}

CASE(mpu, user_reads) {
    guard(USER_READS);
    SHOW_UNPRIVILEGED(guarded_load, guarded + 1);
}

CASE(mpu, user_reads_store) {
    guard(USER_READS);
    SHOW_UNPRIVILEGED(guarded_store, guarded + 1);
}

CASE(mpu, privileged_reads_store) {
    guard(PRIVILEGED_READS);
    SHOW_GUARDED(guarded_store, guarded + 1);
}

CASE(mpu, ldrt_is_unprivileged) {
    guard(PRIVILEGED);
    SHOW_GUARDED(guarded_load_user, guarded + 1);
}

CASE(mpu, last_byte) {
    guard(NO_ACCESS);
    SHOW_GUARDED(guarded_load_byte, (uint32_t)guarded + 255);
}

CASE(mpu, byte_behind) {
    guard(NO_ACCESS);
    SHOW_GUARDED(guarded_load_byte, (uint32_t)guarded + 256);
}

CASE(mpu, smallest_region) {
    guard(FULL);
    region(5, guarded + 8, NO_ACCESS | BYTES_32);
    SHOW_GUARDED(guarded_load_byte, (uint32_t)guarded + 63);
}

CASE(mpu, byte_before_smallest_region) {
    guard(FULL);
    region(5, guarded + 8, NO_ACCESS | BYTES_32);
    SHOW_GUARDED(guarded_load_byte, (uint32_t)guarded + 31);
}

CASE(mpu, loads_into_region) {
    guard(FULL);
    region(5, guarded + 8, NO_ACCESS | BYTES_32);
    SHOW_GUARDED(guarded_loads, guarded + 6);
}

CASE(mpu, higher_region_denies) {
    guard(FULL);
    region(6, guarded, NO_ACCESS | BYTES_256);
    SHOW_GUARDED(guarded_load, guarded);
}

CASE(mpu, higher_region_permits) {
    guard(NO_ACCESS);
    region(6, guarded, FULL | BYTES_256);
    SHOW_GUARDED(guarded_load, guarded);
}

CASE(mpu, subregion) {
    guard(NO_ACCESS | 2 << 8);
    SHOW_GUARDED(guarded_load, guarded + 8);
}

CASE(mpu, beside_subregion) {
    guard(NO_ACCESS | 2 << 8);
    SHOW_GUARDED(guarded_load, guarded + 16);
}

CASE(mpu, subregion_without_lower_region) {
    guard(FULL | 2 << 8);
    region(1, (void *)0x20010000, FULL | 15 << 1); /* 64 KiB: the stack, and nothing below */
    SHOW_UNPRIVILEGED(guarded_load_byte, (uint32_t)guarded + 32);
}

CASE(mpu, default_map_for_privileged) {
    no_regions();
    enable(PRIVDEFENA);
    SHOW_GUARDED(guarded_store, guarded);
}

CASE(mpu, no_default_map) {
    no_regions();
    region(0, 0, FULL | BYTES_512M);
    region(1, (void *)0x20000000, FULL | 16 << 1); /* 128 KiB: stack and data */
    enable(0);
    attempt(guarded_load, 0x2001FFFC + 4, 0);
    MPU_CTRL = 0;
    show_fault(guarded_load_at);
}

CASE(mpu, no_default_map_for_unprivileged) {
    guard(FULL);
    attempt_unprivileged(guarded_load, 0x60000000, 0);
    MPU_CTRL = 0;
    show_fault(guarded_load_at);
}

CASE(mpu, private_bus_needs_no_region) {
    no_regions();
    region(0, 0, FULL | BYTES_512M);
    region(1, (void *)0x20000000, FULL | BYTES_512M);
    enable(0);
    SHOW_GUARDED(guarded_load, &CPUID);
}

CASE(mpu, execute_never) {
    guarded[0] = 0x47704770; /* bx lr; bx lr */
    guard(FULL | XN);
    attempt(guarded_jump, (uint32_t)guarded | 1, 0);
    show_in_guarded((const char *)guarded);
}

CASE(mpu, execute) {
    guarded[0] = 0x47704770;
    guard(FULL);
    attempt(guarded_jump, (uint32_t)guarded | 1, 0);
    show_in_guarded((const char *)guarded);
}

CASE(mpu, execute_without_read) {
    guarded[0] = 0x47704770;
    guard(NO_ACCESS);
    attempt(guarded_jump, (uint32_t)guarded | 1, 0);
    show_in_guarded((const char *)guarded);
}

static void keep(struct entry *entry) {
    (void)entry;
}

CASE(mpu, stacking) {
    guard(FULL);
    region(5, process_stack_end - 64, NO_ACCESS | BYTES_256);
    hooks[SV_CALL] = keep;
    attempt_on_process_stack(guarded_call, 0, 0);
    show_in_guarded(0);
}

CASE(mpu, unstacking) {
    guard(FULL);
    hooks[SV_CALL] = keep;
    region(5, process_stack_end - 64, NO_ACCESS | BYTES_256);
    MPU_RASR = 0;
    SYNCHRONIZE();
    show("before", fault.count);
    extern void deny_in_handler(struct entry *);
    hooks[SV_CALL] = deny_in_handler;
    attempt_on_process_stack(guarded_call, 0, 0);
    show_in_guarded(0);
}

void deny_in_handler(struct entry *entry) {
    (void)entry;
    region(5, process_stack_end - 64, NO_ACCESS | BYTES_256);
    SYNCHRONIZE();
}

CASE(mpu, escalates) {
    guard(NO_ACCESS);
    SHCSR = 0;
    SHOW_GUARDED(guarded_load, guarded + 1);
}

CASE(mpu, off_in_hard_fault) {
    guard(NO_ACCESS);
    set_faultmask(1);
    SHOW_GUARDED(guarded_load, guarded + 1);
}

CASE(mpu, region_by_address_register) {
    no_regions();
    MPU_RNR = 0;
    MPU_RBAR = 0x20000000 | 1 << 4 | 5;
    show("number", MPU_RNR);
    show("base", MPU_RBAR);
}

CASE(mpu, region_by_alias) {
    no_regions();
    MPU_RNR = 4;
    MPU_RBAR_A1 = 0x20001000 | 1 << 4 | 6;
    MPU_RASR_A1 = FULL | BYTES_256 | 1;
    MPU_RNR = 6;
    show("base", MPU_RBAR);
    show("attributes", MPU_RASR);
    MPU_RASR = 0;
}
