/* Bit-band aliases: Cortex-M4 TRM, DDI 0439B, 3.7, and RM0090, 2.3. */
#include "conformance.h"

/* TIM2's counter stands still, so its auto-reload register only stores: RM0090, 18.4.12. */
#define RCC_APB1ENR REGISTER(0x40023840)
#define TIM2_ARR REGISTER(0x4000002C)

static volatile uint32_t word;

static uint32_t alias(uint32_t address, uint32_t bit) {
    return (address & 0xF0000000) + 0x02000000 + (address & 0xFFFFF) * 32 + bit * 4;
}

INSTRUCTION(bit_load, "ldr r0, [r0]");
INSTRUCTION(bit_load_byte, "ldrb r0, [r0]");
INSTRUCTION(bit_load_half, "ldrh r0, [r0]");
INSTRUCTION(bit_store, "str r1, [r0]");
INSTRUCTION(bit_store_byte, "strb r1, [r0]");
INSTRUCTION(bit_store_half, "strh r1, [r0]");

static void load(program code, uint32_t memory, uint32_t bit) {
    word = memory;
    const uint32_t value = attempt(code, alias((uint32_t)&word, bit), 0);
    show_fault(0);
    show("value", value);
}

static void store(program code, uint32_t memory, uint32_t bit, uint32_t value) {
    word = memory;
    attempt(code, alias((uint32_t)&word, bit), value);
    __asm__ volatile("dsb");
    show_fault(0);
    show("memory", word);
}

CASE(bitband, one) {
    load(bit_load, 0x00080000, 19);
}

CASE(bitband, zero) {
    load(bit_load, 0xFFF7FFFF, 19);
}

CASE(bitband, highest_bit) {
    load(bit_load, 0x80000000, 31);
}

CASE(bitband, byte_load) {
    load(bit_load_byte, 0x00000100, 8);
}

CASE(bitband, halfword_load) {
    load(bit_load_half, 0x00010000, 16);
}

CASE(bitband, set) {
    store(bit_store, 0x12345678, 31, 1);
}

CASE(bitband, clear) {
    store(bit_store, 0x12345678, 3, 0);
}

CASE(bitband, only_bit_0_counts) {
    store(bit_store, 0xFFFFFFFF, 5, 0xFFFFFFFE);
}

CASE(bitband, set_by_odd_value) {
    store(bit_store, 0, 5, 0xFF);
}

CASE(bitband, byte_store) {
    store(bit_store_byte, 0, 17, 1);
}

CASE(bitband, halfword_store) {
    store(bit_store_half, 0xFFFFFFFF, 30, 0);
}

CASE(bitband, peripheral_load) {
    RCC_APB1ENR |= 1;
    TIM2_ARR = 0x00010000;
    const uint32_t value = attempt(bit_load, alias((uint32_t)&TIM2_ARR, 16), 0);
    show_fault(0);
    show("value", value);
}

CASE(bitband, peripheral_store) {
    RCC_APB1ENR |= 1;
    TIM2_ARR = 0x12345678;
    attempt(bit_store, alias((uint32_t)&TIM2_ARR, 0), 1);
    __asm__ volatile("dsb");
    show_fault(0);
    show("register", TIM2_ARR);
}

CASE(bitband, nothing_behind_sram_alias) {
    attempt(bit_load, alias(RAM_END, 0), 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr & 0x200);
}

CASE(bitband, nothing_behind_peripheral_alias) {
    attempt(bit_load, alias(0x40080000, 0), 0);
    show("exc", fault.exception);
    show("cfsr", fault.cfsr & 0x200);
}
