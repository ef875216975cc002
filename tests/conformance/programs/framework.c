/* Runs the cases one after another, each from the same state of the core; handles exceptions. */
#include "conformance.h"

/* USART1 and its clock: RM0090, 7.3.14 and 30.6. */
#define RCC_APB2ENR REGISTER(0x40023844)
#define USART1_SR REGISTER(0x40011000)
#define USART1_DR REGISTER(0x40011004)
#define USART1_BRR REGISTER(0x40011008)
#define USART1_CR1 REGISTER(0x4001100C)

enum { IN_PROCESS_STACK = 4, NO_FLOAT_STATE = 0x10, STACK_BROKEN = 0x1818, MANY_FAULTS = 20 };

struct recovery {
    uint32_t sp, ipsr, control;
};

extern const struct conformance_case cases_start[], cases_end[];
extern uint32_t stack_end[], bss_start[], bss_end[];
extern const uint32_t vectors[];
void reset(void);
void exception(void);
uint64_t dispatch(struct entry *entry);

volatile struct fault fault;
hook hooks[FIRST_INTERRUPT + 96];
struct recovery recovery;
/* In memory: a case on an emulator that goes wrong can spoil registers. */
static volatile uint32_t running;
uint32_t process_stack[128] __attribute__((aligned(256)));
__asm__(".global process_stack_end\n.set process_stack_end, process_stack + 512");

/* The host sets the bits of cases that are not to run: those from which an emulator does not come
 * back, and those before them. */
__attribute__((section(".skipped"), used)) static const volatile struct {
    char mark[12];
    uint32_t bits[16];
} skipped = {"skipped:", {0}};

/* Survives a reset: memory.ld puts it where no loader writes. */
enum { RESUMES = 0x5AFEC0DE };
extern volatile struct {
    uint32_t mark, number;
} resumption;

#define EIGHT(handler) handler, handler, handler, handler, handler, handler, handler, handler
__attribute__((section(".vectors"), used)) static void (*const table[])(void) = {
    (void (*)(void))stack_end,
    reset,
    exception,
    exception,
    exception,
    exception,
    exception,
    exception,
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
    EIGHT(exception),
};

/* All exceptions: dispatch(&entry) decides. If it returns a stack pointer, that is where the made
 * frame is that leads back to the attempt. */
__attribute__((naked)) void exception(void) {
    __asm__ volatile("mrs r0, msp\n"
                     "mrs r1, psp\n"
                     "mov r2, lr\n"
                     "movs r3, #0\n"
                     "push {r0-r3, r12, lr}\n"
                     "mov r0, sp\n"
                     "bl dispatch\n"
                     "cbz r1, 1f\n"
                     "mov sp, r1\n"
                     "bx r0\n"
                     "1: pop {r0-r3, r12, lr}\n"
                     "bx lr\n");
}

__attribute__((naked)) uint32_t attempt(program code, uint32_t a, uint32_t b) {
    (void)code, (void)a, (void)b;
    __asm__ volatile("push {r4-r11, lr}\n"
                     "ldr r4, =recovery\n"
                     "ldm r4, {r5-r7}\n"
                     "push {r5-r7}\n"
                     "mov r5, sp\n"
                     "mrs r6, ipsr\n"
                     "mrs r7, control\n"
                     "stm r4, {r5-r7}\n"
                     "mov r3, r0\n"
                     "mov r0, r1\n"
                     "mov r1, r2\n"
                     "blx r3\n"
                     ".global attempt_end\n"
                     ".thumb_func\n"
                     "attempt_end:\n"
                     "pop {r5-r7}\n"
                     "ldr r4, =recovery\n"
                     "stm r4, {r5-r7}\n"
                     "pop {r4-r11, pc}\n"
                     ".ltorg\n");
}
void attempt_end(void);

__attribute__((naked)) static uint32_t unprivileged(uint32_t code, uint32_t b) {
    (void)code, (void)b;
    __asm__ volatile("push {r4, lr}\n"
                     "mrs r2, control\n"
                     "orr r2, #1\n"
                     "msr control, r2\n"
                     "isb\n"
                     "ldm r0, {r3, r4}\n"
                     "mov r0, r4\n"
                     "blx r3\n"
                     "svc 255\n" /* the framework makes Thread mode privileged again */
                     "pop {r4, pc}\n");
}

uint32_t attempt_unprivileged(program code, uint32_t a, uint32_t b) {
    const uint32_t what[] = {(uint32_t)code, a};
    return attempt(unprivileged, (uint32_t)what, b);
}

__attribute__((naked)) static uint32_t on_process_stack(uint32_t what, uint32_t end) {
    (void)what, (void)end;
    __asm__ volatile("push {r4, lr}\n"
                     "ldm r0, {r0, r2, r3}\n"
                     "msr psp, r3\n"
                     "movs r3, #2\n"
                     "msr control, r3\n"
                     "isb\n"
                     "mov r3, r0\n"
                     "mov r0, r2\n"
                     "blx r3\n"
                     "movs r3, #0\n"
                     "msr control, r3\n"
                     "isb\n"
                     "pop {r4, pc}\n");
}

uint32_t attempt_on_process_stack(program code, uint32_t a, uint32_t b) {
    const uint32_t what[] = {(uint32_t)code, a, (uint32_t)process_stack_end};
    return attempt(on_process_stack, (uint32_t)what, b);
}

struct frame *frame_of(const struct entry *entry) {
    return (struct frame *)(entry->exc_return & IN_PROCESS_STACK ? entry->psp : entry->msp);
}

void forget_fault(void) {
    fault = (struct fault){0};
}

static void write_down(const struct entry *entry) {
    const uint32_t cfsr = CFSR, hfsr = HFSR, dfsr = DFSR;
    if (fault.count++ == 0) {
        fault.exception = ipsr();
        fault.cfsr = cfsr;
        fault.hfsr = hfsr;
        fault.dfsr = dfsr;
        fault.mmfar = MMFAR;
        fault.bfar = BFAR;
        fault.exc_return = entry->exc_return;
        if (!(cfsr & STACK_BROKEN))
            fault.frame = *frame_of(entry);
    }
    CFSR = cfsr;
    HFSR = hfsr;
    DFSR = dfsr;
}

/* SHCSR's active bit of the exception that is handled: B3.2.13. */
static uint32_t own_active_bit(void) {
    switch (ipsr()) {
    case MEM_MANAGE:
        return 1 << 0;
    case BUS_FAULT:
        return 1 << 1;
    case USAGE_FAULT:
        return 1 << 3;
    case SV_CALL:
        return 1 << 7;
    case DEBUG_MONITOR:
        return 1 << 8;
    default:
        return 0;
    }
}

/* Returns EXC_RETURN in the low word and the main stack pointer in the high word. */
static uint64_t recover(const struct entry *entry) {
    const bool process = recovery.ipsr == 0 && recovery.control & 2;
    struct frame *frame = (struct frame *)recovery.sp - 1;
    *frame = (struct frame){.pc = (uint32_t)attempt_end, .xpsr = 1 << 24 | recovery.ipsr};
    __asm__ volatile("msr control, %0\nisb" ::"r"(0));
    if (!(entry->exc_return & NO_FLOAT_STATE))
        FPCCR &= ~1u; /* the frame that is waiting for float registers is given up */
    if (recovery.ipsr == 0)
        SHCSR &= 0x70000 | own_active_bit(); /* the handlers between have ended */
    if (process)
        __asm__ volatile("msr psp, %0" ::"r"(frame));
    const uint32_t sp = process ? entry->msp : (uint32_t)frame;
    const uint32_t exc_return = recovery.ipsr ? 0xFFFFFFF1 : process ? 0xFFFFFFFD : 0xFFFFFFF9;
    return (uint64_t)sp << 32 | exc_return;
}

static void put(char character) {
    while (!(USART1_SR & 1 << 7)) {
    }
    USART1_DR = (uint32_t)character;
}

static void put_text(const char *text) {
    while (*text)
        put(*text++);
}

/* Resets the chip, and goes on with this case: a handler that should have ended is still active. */
static void reset_and_resume(uint32_t number) {
    resumption.number = number;
    resumption.mark = RESUMES;
    while (!(USART1_SR & 1 << 6)) { /* TC: the line is idle */
    }
    SYNCHRONIZE();
    AIRCR = 0x05FA0004; /* SYSRESETREQ */
    for (;;) {
    }
}

uint64_t dispatch(struct entry *entry) {
    const uint32_t number = ipsr();
    if (hooks[number]) {
        hooks[number](entry);
        return entry->recovers ? recover(entry) : 0;
    }
    if (number == SV_CALL && BYTE(frame_of(entry)->pc - 2) == 255) {
        __asm__ volatile("msr control, %0\nisb" ::"r"(0));
        return 0;
    }
    write_down(entry);
    if (fault.count > MANY_FAULTS) {
        put_text(" never ends\n");
        reset_and_resume(running + 1);
    }
    return recover(entry);
}

void enable_interrupts(uint32_t mask) {
    NVIC_ISER = mask;
    SYNCHRONIZE();
}

static void put_hexadecimal(uint32_t value) {
    int shift = 28;
    while (shift > 0 && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[value >> shift & 0xF]);
}

void show(const char *name, uint32_t value) {
    put(' ');
    put_text(name);
    put('=');
    put_hexadecimal(value);
}

void show_fault(const char *at) {
    if (!fault.count) {
        put_text(" none");
        return;
    }
    show("exc", fault.exception);
    show("cfsr", fault.cfsr);
    if (fault.hfsr)
        show("hfsr", fault.hfsr);
    if (fault.dfsr)
        show("dfsr", fault.dfsr);
    if (fault.cfsr & 0x80)
        show("mmfar", fault.mmfar);
    if (fault.cfsr & 0x8000)
        show("bfar", fault.bfar);
    if (at)
        show("pc", fault.frame.pc - (uint32_t)at);
    if (fault.count > 1)
        show("faults", fault.count);
}

void show_absent(void) {
    put_text(" absent");
}

/* The host says when it listens, or the first lines would be lost. */
static void wait_for_host(void) {
    put_text("ready\n");
    while (!(USART1_SR & 1 << 5)) {
    }
    (void)USART1_DR;
}

/* The state in which every case begins: that after reset, with the configurable faults enabled,
 * and the floating-point unit. */
static void begin(void) {
    if (ipsr() || SHCSR & 0xFFF)
        reset_and_resume(running);
    set_primask(0);
    set_basepri(0);
    set_faultmask(0);
    __asm__ volatile("msr control, %0\nisb" ::"r"(0)); /* no float state is active */
    MPU_CTRL = 0;
    CCR = STKALIGN;
    SHCSR = 0x70000;
    ACTLR = 0;
    SCR = 0;
    AIRCR = 0x05FA0000;
    VTOR = (uint32_t)vectors;
    SYST_CSR = 0;
    DEMCR = 0;
    CPACR = 0xF << 20;
    FPCCR = 0xC0000000;
    FPDSCR = 0;
    ICSR = 1 << 27 | 1 << 25; /* PENDSVCLR, PENDSTCLR */
    NVIC_ICER = 0xFFFFFFFF;
    NVIC_ICPR = 0xFFFFFFFF;
    for (uint32_t exception = MEM_MANAGE; exception < FIRST_INTERRUPT; exception++)
        SHPR(exception) = 0;
    for (uint32_t interrupt = 0; interrupt < 32; interrupt++)
        NVIC_IPR(interrupt) = 0;
    for (uint32_t number = 0; number < sizeof hooks / sizeof *hooks; number++)
        hooks[number] = 0;
    SYNCHRONIZE();
    CFSR = CFSR;
    HFSR = HFSR;
    DFSR = DFSR;
    forget_fault();
}

__attribute__((noreturn)) void reset(void) {
    for (uint32_t *word = bss_start; word < bss_end; word++)
        *word = 0;
    RCC_APB2ENR |= 1 << 4;
    USART1_BRR = 16000000 / 115200;
    USART1_CR1 = 1 << 13 | 1 << 3 | 1 << 2; /* UE, TE, RE */
    running = 0;
    if (resumption.mark == RESUMES) {
        running = resumption.number;
        resumption.mark = 0;
    } else
        wait_for_host();
    bool ran = false, left_out = false;
    for (; cases_start + running < cases_end; running++) {
        if (skipped.bits[running / 32] >> running % 32 & 1) {
            left_out = ran;
            continue;
        }
        if (left_out) /* a case that does not come back ends in a reset, too */
            reset_and_resume(running);
        ran = true;
        begin();
        put_text(cases_start[running].name);
        cases_start[running].run();
        put('\n');
    }
    put_text("end\n");
    for (;;) {
    }
}
