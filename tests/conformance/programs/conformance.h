/* What the conformance programs share: the core's registers, cases, and attempts that may fault.
 *
 * A program is a file of cases. A case does something, and shows on the serial line what came of
 * it. An attempt calls code that may fault; the handler writes the fault down and goes back to
 * where the attempt began, whatever the fault did to stack, mode and privilege.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define BYTE(address) (*(volatile uint8_t *)(address))

/* Armv7-M ARM, DDI 0403E, B3.2.2, table B3-4, and B3.3, B3.4, B3.5: the System Control Space. */
#define ACTLR REGISTER(0xE000E008)
#define ICTR REGISTER(0xE000E004)
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define SYST_CVR REGISTER(0xE000E018)
#define NVIC_ISER REGISTER(0xE000E100)
#define NVIC_ICER REGISTER(0xE000E180)
#define NVIC_ISPR REGISTER(0xE000E200)
#define NVIC_ICPR REGISTER(0xE000E280)
#define NVIC_IABR REGISTER(0xE000E300)
#define NVIC_IPR(interrupt) BYTE(0xE000E400 + (interrupt))
#define CPUID REGISTER(0xE000ED00)
#define ICSR REGISTER(0xE000ED04)
#define VTOR REGISTER(0xE000ED08)
#define AIRCR REGISTER(0xE000ED0C)
#define SCR REGISTER(0xE000ED10)
#define CCR REGISTER(0xE000ED14)
#define SHPR(exception) BYTE(0xE000ED14 + (exception))
#define SHCSR REGISTER(0xE000ED24)
#define CFSR REGISTER(0xE000ED28)
#define HFSR REGISTER(0xE000ED2C)
#define DFSR REGISTER(0xE000ED30)
#define MMFAR REGISTER(0xE000ED34)
#define BFAR REGISTER(0xE000ED38)
#define CPACR REGISTER(0xE000ED88)
#define MPU_TYPE REGISTER(0xE000ED90)
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_RNR REGISTER(0xE000ED98)
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RASR REGISTER(0xE000EDA0)
#define MPU_RBAR_A1 REGISTER(0xE000EDA4)
#define MPU_RASR_A1 REGISTER(0xE000EDA8)
#define DHCSR REGISTER(0xE000EDF0)
#define DEMCR REGISTER(0xE000EDFC)
#define STIR REGISTER(0xE000EF00)
#define FPCCR REGISTER(0xE000EF34)
#define FPCAR REGISTER(0xE000EF38)
#define FPDSCR REGISTER(0xE000EF3C)

enum {
    HARD_FAULT = 3,
    MEM_MANAGE = 4,
    BUS_FAULT = 5,
    USAGE_FAULT = 6,
    SV_CALL = 11,
    DEBUG_MONITOR = 12,
    PEND_SV = 14,
    SYS_TICK = 15,
    FIRST_INTERRUPT = 16,
    /* Interrupts of the STM32F4's CAN1, which no device raises here. */
    INTERRUPT_A = 20,
    INTERRUPT_B = 21,
    INTERRUPT_C = 22,
};

enum { UNALIGN_TRP = 1 << 3, DIV_0_TRP = 1 << 4, BFHFNMIGN = 1 << 8, STKALIGN = 1 << 9 };

/* Addresses at which an STM32F405 and F429 have nothing: RM0090, 2.3, memory map. */
enum { NOTHING_IN_CODE = 0x0A000000, NOTHING_IN_SRAM = 0x30000000, RAM_END = 0x20030000 };

/* The registers that the core stacks: B1.5.6. */
struct frame {
    uint32_t r[4], r12, lr, pc, xpsr;
};

/* How an exception was entered: the stack pointers after stacking, and EXC_RETURN. */
struct entry {
    uint32_t msp, psp, exc_return;
    bool recovers; /* a hook sets it: go back to where the attempt began */
};

/* The first fault of an attempt. */
struct fault {
    uint32_t count, exception, cfsr, hfsr, dfsr, mmfar, bfar, exc_return;
    struct frame frame;
};

typedef uint32_t (*program)(uint32_t a, uint32_t b);
typedef void (*hook)(struct entry *entry);

extern volatile struct fault fault;
/* What handles an exception instead of the framework. */
extern hook hooks[FIRST_INTERRUPT + 96];

/* Calls code that may fault; returns what it returns, or 0 after a fault. */
uint32_t attempt(program code, uint32_t a, uint32_t b);
/* The same in unprivileged Thread mode. */
uint32_t attempt_unprivileged(program code, uint32_t a, uint32_t b);
/* The same in Thread mode on the process stack. */
uint32_t attempt_on_process_stack(program code, uint32_t a, uint32_t b);
/* The words above which the process stack of `attempt_on_process_stack` begins. */
extern uint32_t process_stack_end[];

struct frame *frame_of(const struct entry *entry);
/* Forgets the fault of the attempt before. */
void forget_fault(void);
/* Enables these interrupts, at priority 0. */
void enable_interrupts(uint32_t mask);

/* Prints " name=value", the value in hexadecimal. */
void show(const char *name, uint32_t value);
/* Prints a fault, with the distance of its stacked PC from `at`, or that there was none. */
void show_fault(const char *at);
/* Prints that the chip of this emulator has no such device. */
void show_absent(void);

#define SHOW_ATTEMPT(code, a, b)                                                                   \
    do {                                                                                           \
        attempt(code, (uint32_t)(a), (uint32_t)(b));                                               \
        show_fault(code##_at);                                                                     \
    } while (0)

/* A function of one instruction, with some before and after it. It gets `a` in r0 and `b` in r1,
 * and returns r0. `name_at` is where the instruction is. */
#define INSTRUCTION_BETWEEN(name, before, instruction, after)                                      \
    uint32_t name(uint32_t a, uint32_t b);                                                         \
    extern const char name##_at[];                                                                 \
    __asm__(".pushsection .text." #name ", \"ax\"\n"                                               \
            ".syntax unified\n.thumb\n.fpu fpv4-sp-d16\n.balign 4\n.thumb_func\n"                  \
            ".type " #name ", %function\n" #name ":\n" before "\n" #name "_at:\n" instruction      \
            "\n" after "\nbx lr\n.popsection")
#define INSTRUCTION(name, instruction) INSTRUCTION_BETWEEN(name, "", instruction, "")

/* A case; its name is `program.case`. */
struct conformance_case {
    const char *name;
    void (*run)(void);
};
#define CASE(file, name)                                                                           \
    static void case_##name(void);                                                                 \
    __attribute__((section(".cases"), used)) static const struct conformance_case entry_##name = { \
        #file "." #name, case_##name};                                                             \
    static void case_##name(void)

#define SYNCHRONIZE() __asm__ volatile("dsb\nisb" ::: "memory")

static inline void set_primask(uint32_t value) {
    __asm__ volatile("msr primask, %0\nisb" ::"r"(value) : "memory");
}

static inline void set_basepri(uint32_t value) {
    __asm__ volatile("msr basepri, %0\nisb" ::"r"(value) : "memory");
}

static inline void set_faultmask(uint32_t value) {
    __asm__ volatile("msr faultmask, %0\nisb" ::"r"(value) : "memory");
}

static inline uint32_t ipsr(void) {
    uint32_t value;
    __asm__ volatile("mrs %0, ipsr" : "=r"(value));
    return value;
}

#endif
