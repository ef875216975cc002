/*
 * Two tasks with stacks of their own, as an RTOS has them: the program of ../pasted, whose main()
 * is serve() here, and one that counts. SysTick switches between them.
 *
 * Registers: Armv7-M Architecture Reference Manual (DDI 0403E), B3.2.4 and B3.3; the frame of an
 * exception: B1.5.6.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define ICSR REGISTER(0xE000ED04)
#define ICSR_PENDSVSET (1U << 28)
#define SHPR3 REGISTER(0xE000ED20)
#define SYST_CSR REGISTER(0xE000E010)
#define SYST_RVR REGISTER(0xE000E014)
#define PERIOD 5000U /* instructions */
#define STACK_WORDS 512U
#define FRAME_WORDS 16U /* r4 to r11; r0 to r3, r12, lr, pc, xpsr */
#define THUMB (1U << 24)

int serve(void);

volatile uint32_t turns; /* of the task that counts */
static uint32_t stacks[2][STACK_WORDS] __attribute__((aligned(8)));
static uint32_t *tops[2];
static uint32_t current;

static void count(void) {
    for (;;) {
        turns += 1U;
    }
}

/* Keeps where the stack of the task that has run ends, and returns that of the other task. */
__attribute__((used)) static uint32_t *other_task(uint32_t *top) {
    tops[current] = top;
    current ^= 1U;
    return tops[current];
}

__attribute__((naked)) void PendSV_Handler(void) {
    __asm volatile("mrs r0, psp\n"
                   "stmdb r0!, {r4-r11}\n"
                   "push {r3, lr}\n"
                   "bl other_task\n"
                   "pop {r3, lr}\n"
                   "ldmia r0!, {r4-r11}\n"
                   "msr psp, r0\n"
                   "bx lr\n");
}

void SysTick_Handler(void) {
    ICSR = ICSR_PENDSVSET;
}

int main(void) {
    uint32_t *frame = &stacks[1][STACK_WORDS - FRAME_WORDS];
    frame[FRAME_WORDS - 2U] = (uint32_t)&count & ~1U;
    frame[FRAME_WORDS - 1U] = THUMB;
    tops[1] = frame;
    SHPR3 = 0xFFU << 16; /* PendSV has the lowest priority, SysTick the highest */
    SYST_RVR = PERIOD - 1U;
    SYST_CSR = 7U;
    __asm volatile("msr psp, %0\n"
                   "msr control, %1\n"
                   "isb\n"
                   "bl serve\n" ::"r"(&stacks[0][STACK_WORDS]),
                   "r"(2U)
                   : "memory");
    for (;;) {
    }
}
