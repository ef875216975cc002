/* The interrupt controller and its registers: DDI 0403E, B3.4, B3.2.4 ICSR, B3.2.26 STIR. */
#include "conformance.h"

enum { A = 1 << INTERRUPT_A, B = 1 << INTERRUPT_B };
enum { VECTOR_A = FIRST_INTERRUPT + INTERRUPT_A, VECTOR_B = FIRST_INTERRUPT + INTERRUPT_B };

static volatile uint32_t runs, icsr, active, shcsr, number;

static void look(struct entry *entry) {
    (void)entry;
    runs++;
    number = ipsr();
    icsr = ICSR;
    active = NVIC_IABR;
    shcsr = SHCSR;
}

static void prepare(uint32_t exception) {
    runs = 0;
    hooks[exception] = look;
}

CASE(nvic, lines) {
    show("lines", ICTR);
}

CASE(nvic, enable_reads_back) {
    NVIC_ISER = A;
    show("enabled", NVIC_ISER);
    NVIC_ICER = A;
    show("then", NVIC_ICER);
}

CASE(nvic, enable_ignores_zeros) {
    NVIC_ISER = A;
    NVIC_ISER = B;
    show("enabled", NVIC_ISER);
}

CASE(nvic, pending_reads_back) {
    NVIC_ISPR = A;
    show("pending", NVIC_ISPR);
    NVIC_ICPR = A;
    show("then", NVIC_ISPR);
}

CASE(nvic, disabled_waits) {
    prepare(VECTOR_A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("runs", runs);
    enable_interrupts(A);
    show("then", runs);
}

CASE(nvic, cleared_does_not_run) {
    prepare(VECTOR_A);
    set_primask(1);
    enable_interrupts(A);
    NVIC_ISPR = A;
    NVIC_ICPR = A;
    set_primask(0);
    show("runs", runs);
}

CASE(nvic, entry_ends_pending) {
    prepare(VECTOR_A);
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("runs", runs);
    show("number", number);
    show("pending", NVIC_ISPR);
}

CASE(nvic, active) {
    prepare(VECTOR_A);
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("within", active);
    show("after", NVIC_IABR);
}

CASE(nvic, stir) {
    prepare(VECTOR_A);
    enable_interrupts(A);
    STIR = INTERRUPT_A;
    SYNCHRONIZE();
    show("runs", runs);
}

CASE(nvic, vector_active) {
    prepare(VECTOR_A);
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("within", icsr & 0x1FF);
    show("after", ICSR & 0x1FF);
}

CASE(nvic, vector_pending) {
    set_primask(1);
    NVIC_IPR(INTERRUPT_A) = 0x40;
    NVIC_IPR(INTERRUPT_B) = 0x20;
    enable_interrupts(A | B);
    NVIC_ISPR = A | B;
    show("number", ICSR >> 12 & 0x1FF);
    show("isrpending", ICSR >> 22 & 1);
    NVIC_ICPR = A | B;
    show("then", ICSR >> 12 & 0x1FF);
}

static volatile uint32_t outer, inner;

static void outer_hook(struct entry *entry) {
    (void)entry;
    NVIC_ISPR = B;
    SYNCHRONIZE();
    outer = ICSR >> 11 & 1;
}

static void inner_hook(struct entry *entry) {
    (void)entry;
    inner = ICSR >> 11 & 1;
}

CASE(nvic, returns_to_base) {
    hooks[VECTOR_A] = outer_hook;
    hooks[VECTOR_B] = inner_hook;
    NVIC_IPR(INTERRUPT_A) = 0x40;
    enable_interrupts(A | B);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("outer", outer);
    show("inner", inner);
}

static void pend_itself(struct entry *entry) {
    look(entry);
    if (runs < 3)
        NVIC_ISPR = A;
}

CASE(nvic, pends_itself) {
    runs = 0;
    hooks[VECTOR_A] = pend_itself;
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    show("runs", runs);
}

CASE(nvic, pendsv) {
    prepare(PEND_SV);
    ICSR = 1 << 28;
    SYNCHRONIZE();
    show("runs", runs);
    show("number", number);
    show("shcsr", shcsr);
}

CASE(nvic, pendsv_cleared) {
    prepare(PEND_SV);
    set_primask(1);
    ICSR = 1 << 28;
    show("pending", ICSR >> 28 & 1);
    ICSR = 1 << 27;
    show("then", ICSR >> 28 & 1);
    set_primask(0);
    show("runs", runs);
}

CASE(nvic, systick_pended) {
    prepare(SYS_TICK);
    ICSR = 1 << 26;
    SYNCHRONIZE();
    show("runs", runs);
    show("shcsr", shcsr);
}

INSTRUCTION(call, "svc 1");

CASE(nvic, svcall_active) {
    prepare(SV_CALL);
    attempt(call, 0, 0);
    show("within", shcsr);
    show("after", SHCSR);
}

#define PENDED(name, exception, bit)                                                               \
    CASE(nvic, name) {                                                                             \
        prepare(exception);                                                                        \
        SHCSR |= 1 << (bit);                                                                       \
        SYNCHRONIZE();                                                                             \
        show("runs", runs);                                                                        \
        show("after", SHCSR);                                                                      \
    }

PENDED(svcall_pended, SV_CALL, 15)
PENDED(bus_fault_pended, BUS_FAULT, 14)
PENDED(mem_manage_pended, MEM_MANAGE, 13)
PENDED(usage_fault_pended, USAGE_FAULT, 12)

CASE(nvic, pended_fault_waits) {
    prepare(MEM_MANAGE);
    set_primask(1);
    SHCSR |= 1 << 13;
    SYNCHRONIZE();
    show("pended", SHCSR >> 13 & 1);
    SHCSR &= ~(1u << 13);
    set_primask(0);
    show("runs", runs);
}

CASE(nvic, active_bit_raises_priority) {
    prepare(PEND_SV);
    SHCSR |= 1 << 7; /* SVCALLACT: the priority is that of SVCall: B1.5.4 */
    ICSR = 1 << 28;
    SYNCHRONIZE();
    show("runs", runs);
    SHCSR &= ~(1u << 7);
    SYNCHRONIZE();
    show("then", runs);
}

static void (*moved[FIRST_INTERRUPT + 96])(void) __attribute__((aligned(512)));
volatile uint32_t moved_runs;

__attribute__((naked)) static void moved_handler(void) {
    __asm__ volatile("ldr r0, =moved_runs\nldr r1, [r0]\nadds r1, #1\nstr r1, [r0]\nbx lr\n.ltorg");
}

CASE(nvic, vectors_move) {
    prepare(VECTOR_A);
    moved_runs = 0;
    moved[VECTOR_A] = moved_handler;
    VTOR = (uint32_t)moved;
    SYNCHRONIZE();
    enable_interrupts(A);
    NVIC_ISPR = A;
    SYNCHRONIZE();
    VTOR = 0x08000000;
    SYNCHRONIZE();
    show("moved", moved_runs);
    show("before", runs);
}

CASE(nvic, vtor_low_bits_are_zero) {
    VTOR = 0x0800007F;
    show("vtor", VTOR);
    VTOR = 0x08000000;
}
