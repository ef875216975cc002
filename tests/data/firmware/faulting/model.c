/* A model that copies its input, unless the first byte tells it to do what a chip faults on. */
#include "nn.h"

#define NOTHING 0x70000000U   /* external RAM, which neither chip nor platform has */
#define NO_MEMORY 0x60000000U /* external RAM, which Renode's STM32F4 has */
#define NO_PERIPHERAL 0x5FFF0000U
#define CCR (*(volatile uint32_t *)0xE000ED14U) /* Armv7-M ARM, B3.2.8 */
#define CCR_UNALIGN_TRP (1U << 3)
#define CCR_DIV_0_TRP (1U << 4)

/* tests/support/faulting.py has the same list. */
enum {
    BEHAVE,
    READ_BYTE,
    READ_HALFWORD,
    READ_WORD,
    READ_DOUBLE,
    READ_MANY,
    WRITE_BYTE,
    WRITE_HALFWORD,
    WRITE_WORD,
    WRITE_DOUBLE,
    READ_MULTIPLE,
    READ_FLOAT,
    READ_NO_MEMORY,
    READ_NO_PERIPHERAL,
    WRITE_NO_PERIPHERAL,
    JUMP_TO_NOTHING,
    JUMP_WITHOUT_THUMB,
    EXECUTE_UNDEFINED,
    BREAKPOINT,
    TRAP_UNALIGNED,
    TRAP_DIVISION,
    UNALIGNED_DOUBLE,
    UNALIGNED_MULTIPLE,
    UNALIGNED_FLOAT,
};

static int8_t tensor[4];
static int32_t words[4] __attribute__((aligned(8)));

int nn_init(void) {
    return 0;
}

nn_tensor_t nn_input(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

nn_tensor_t nn_output(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

static void read_many(void) {
    for (uint32_t i = 0; i < 1000U; i++) {
        (void)*(volatile uint32_t *)(NOTHING + 4U * i);
    }
}

static void jump(uint32_t address) {
    ((void (*)(void))address)();
}

static void divide(void) {
    CCR |= CCR_DIV_0_TRP;
    __asm volatile("sdiv r0, %0, %1" ::"r"(1), "r"(0) : "r0");
}

static void load_unaligned(void) {
    CCR |= CCR_UNALIGN_TRP;
    __asm volatile("ldr r0, [%0, #1]" ::"r"(words) : "r0");
}

int nn_invoke(void) {
    volatile uint32_t first = (uint8_t)tensor[0];
    switch (first) {
    case READ_BYTE:
        (void)*(volatile uint8_t *)(NOTHING + 1U);
        break;
    case READ_HALFWORD:
        (void)*(volatile uint16_t *)(NOTHING + 2U);
        break;
    case READ_WORD:
        (void)*(volatile uint32_t *)NOTHING;
        break;
    case READ_DOUBLE:
        __asm volatile("ldrd r0, r1, [%0]" ::"r"(NOTHING) : "r0", "r1");
        break;
    case READ_MANY:
        read_many();
        break;
    case WRITE_BYTE:
        *(volatile uint8_t *)NOTHING = 1U;
        break;
    case WRITE_HALFWORD:
        *(volatile uint16_t *)NOTHING = 1U;
        break;
    case WRITE_WORD:
        *(volatile uint32_t *)NOTHING = 1U;
        break;
    case WRITE_DOUBLE:
        __asm volatile("strd r0, r1, [%0]" ::"r"(NOTHING));
        break;
    case READ_MULTIPLE:
        __asm volatile("ldmia %0, {r0, r1, r2}" ::"r"(NOTHING) : "r0", "r1", "r2");
        break;
    case READ_FLOAT:
        __asm volatile("vldr s0, [%0]" ::"r"(NOTHING) : "s0");
        break;
    case READ_NO_MEMORY:
        (void)*(volatile uint32_t *)NO_MEMORY;
        break;
    case READ_NO_PERIPHERAL:
        (void)*(volatile uint32_t *)NO_PERIPHERAL;
        break;
    case WRITE_NO_PERIPHERAL:
        *(volatile uint32_t *)NO_PERIPHERAL = 1U;
        break;
    case JUMP_TO_NOTHING:
        jump(NOTHING | 1U);
        break;
    case JUMP_WITHOUT_THUMB:
        jump((uint32_t)nn_init & ~1U);
        break;
    case EXECUTE_UNDEFINED:
        __asm volatile("udf #0");
        break;
    case BREAKPOINT:
        __asm volatile("bkpt #0");
        break;
    case TRAP_UNALIGNED:
        load_unaligned();
        break;
    case TRAP_DIVISION:
        divide();
        break;
    case UNALIGNED_DOUBLE:
        __asm volatile("ldrd r0, r1, [%0, #0]" ::"r"((uint32_t)words + 2U) : "r0", "r1");
        break;
    case UNALIGNED_MULTIPLE:
        __asm volatile("ldmia %0, {r0, r1}" ::"r"((uint32_t)words + 2U) : "r0", "r1");
        break;
    case UNALIGNED_FLOAT:
        __asm volatile("vldr s0, [%0]" ::"r"((uint32_t)words + 2U) : "s0");
        break;
    default:
        break;
    }
    return 0;
}

uint32_t nn_arena_size(void) {
    return sizeof(tensor);
}
