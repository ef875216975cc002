/* The chip's memories and its flash interface: RM0090, 2.3, 3 and 39. */
#include "conformance.h"

#define FLASH_KEYR REGISTER(0x40023C04)
#define FLASH_SR REGISTER(0x40023C0C)
#define FLASH_OPTKEYR REGISTER(0x40023C08)
#define FLASH_CR REGISTER(0x40023C10)
#define FLASH_OPTCR REGISTER(0x40023C14)
#define RCC_AHB1ENR REGISTER(0x40023830)
#define RCC_APB1ENR REGISTER(0x40023840)
#define PWR_CR REGISTER(0x40007000)

enum { PG = 1, SER = 2, STRT = 1 << 16, LOCK = 1u << 31, SECTOR_11 = 11 << 3 };
enum { OPTLOCK = 1, OPTSTRT = 2, NWRP_11 = 1 << 27 };
enum { BYTES = 0 << 8, WORDS = 2 << 8 };
enum { EOP = 1, WRPERR = 1 << 4, PGAERR = 1 << 5, PGPERR = 1 << 6, PGSERR = 1 << 7, BSY = 1 << 16 };
enum { ERRORS = WRPERR | PGAERR | PGPERR | PGSERR };
/* In sector 11, of which nothing else is used: RM0090, 3.3, table 5. */
enum { SPARE = 0x080E0000 };

INSTRUCTION(chip_load, "ldr r0, [r0]");
INSTRUCTION(chip_store, "str r1, [r0]\ndsb");
INSTRUCTION(chip_store_byte, "strb r1, [r0]\ndsb");
INSTRUCTION(chip_store_half, "strh r1, [r0]\ndsb");
INSTRUCTION(chip_store_load, "str r1, [r0]\ndsb\nldr r0, [r0]");
INSTRUCTION(jump, "bx r0");

#define WORKS(name, address)                                                                       \
    CASE(memory, name) {                                                                           \
        attempt(chip_store, address, 0x13572468);                                                  \
        show("value", attempt(chip_load, address, 0));                                             \
        show_fault(0);                                                                             \
    }

WORKS(end_of_ram, 0x2001FFFC)
WORKS(ccm, 0x10000000)
WORKS(end_of_ccm, 0x1000FFFC)

CASE(memory, behind_ccm) {
    SHOW_ATTEMPT(chip_load, 0x10010000, 0);
}

CASE(memory, ccm_does_not_execute) {
    attempt(chip_store, 0x10000000, 0x47704770);
    if (fault.count) {
        show_absent();
        return;
    }
    attempt(jump, 0x10000001, 0);
    show_fault((const char *)0x10000000);
}

CASE(memory, backup_sram) {
    RCC_APB1ENR |= 1 << 28; /* PWR */
    PWR_CR |= 1 << 8;       /* DBP */
    RCC_AHB1ENR |= 1 << 18; /* BKPSRAM */
    (void)RCC_AHB1ENR;
    attempt(chip_store, 0x40024FFC, 0x13572468);
    show("value", attempt(chip_load, 0x40024FFC, 0));
    show_fault(0);
}

CASE(memory, flash_size_is_readable) {
    const uint32_t size = attempt(chip_load, 0x1FFF7A20, 0) >> 16;
    show_fault(chip_load_at);
    if (!fault.count)
        show("kib", size >= 0x400 && size <= 0x800);
}

CASE(memory, unique_id_is_readable) {
    for (uint32_t address = 0x1FFF7A10; address < 0x1FFF7A1C; address += 4)
        attempt(chip_load, address, 0);
    show_fault(chip_load_at);
}

CASE(memory, flash_at_zero) {
    show("same", attempt(chip_load, 0, 0) == REGISTER(0x08000000));
    show_fault(0);
}

/* The flash interface: RM0090, 3.8. An emulator without one reads as no locked interface. */
static bool present(void) {
    if (FLASH_CR & LOCK)
        return true;
    show_absent();
    return false;
}

static void unlock(void) {
    FLASH_KEYR = 0x45670123;
    FLASH_KEYR = 0xCDEF89AB;
    FLASH_SR = EOP | ERRORS;
}

static void wait(void) {
    for (uint32_t turn = 0; turn < 1000000 && FLASH_SR & BSY; turn++) {
    }
}

static void lock(void) {
    wait();
    FLASH_SR = EOP | ERRORS;
    FLASH_CR = LOCK;
}

static void erase(void) {
    FLASH_CR = SER | SECTOR_11 | WORDS;
    FLASH_CR |= STRT;
    wait();
    FLASH_CR = 0;
}

CASE(memory, flash_is_locked) {
    if (present())
        show("locked", FLASH_CR >> 31);
}

CASE(memory, locked_flash_keeps_its_word) {
    if (!present())
        return;
    const uint32_t before = REGISTER(SPARE);
    const uint32_t after = attempt(chip_store_load, SPARE, 0x13572468);
    show("at_once", fault.count ? 0 : after != before);
    show("changed", REGISTER(SPARE) != before);
}

CASE(memory, locked_control_register) {
    if (!present())
        return;
    attempt(chip_store, (uint32_t)&FLASH_CR, PG);
    show("pg", FLASH_CR & PG);
}

CASE(memory, programs) {
    if (!present())
        return;
    unlock();
    erase();
    show("erased", REGISTER(SPARE));
    FLASH_CR = PG | WORDS;
    attempt(chip_store, SPARE, 0x13572468);
    wait();
    show("word", REGISTER(SPARE));
    show("errors", FLASH_SR & ERRORS);
    lock();
}

static void refused(uint32_t control, program code, uint32_t address) {
    if (!present())
        return;
    unlock();
    erase();
    FLASH_CR = control;
    attempt(code, address, 0);
    wait();
    show("errors", FLASH_SR & ERRORS);
    show("word", REGISTER(address & ~3u));
    lock();
}

CASE(memory, write_without_pg) {
    refused(0, chip_store, SPARE);
}

CASE(memory, byte_with_word_parallelism) {
    refused(PG | WORDS, chip_store_byte, SPARE);
}

CASE(memory, halfword_with_byte_parallelism) {
    refused(PG | BYTES, chip_store_half, SPARE);
}

CASE(memory, errors_clear_by_ones) {
    if (!present())
        return;
    unlock();
    FLASH_CR = PG | WORDS;
    attempt(chip_store_byte, SPARE, 0);
    const uint32_t before = FLASH_SR & ERRORS;
    FLASH_SR = before;
    show("set", before != 0);
    show("then", FLASH_SR & ERRORS);
    lock();
}

/* Option bytes: RM0090, 3.7.2. */
static void set_options(uint32_t options) {
    FLASH_OPTKEYR = 0x08192A3B;
    FLASH_OPTKEYR = 0x4C5D6E7F;
    FLASH_OPTCR = options & ~(OPTLOCK | OPTSTRT);
    FLASH_OPTCR |= OPTSTRT;
    wait();
    FLASH_OPTCR |= OPTLOCK;
}

CASE(memory, write_protected_sector) {
    if (!present())
        return;
    const uint32_t options = FLASH_OPTCR;
    unlock();
    erase();
    set_options(options & ~NWRP_11);
    FLASH_CR = PG | WORDS;
    attempt(chip_store, SPARE, 0);
    wait();
    show("errors", FLASH_SR & ERRORS);
    show("word", REGISTER(SPARE));
    FLASH_SR = ERRORS;
    FLASH_CR = SER | SECTOR_11 | WORDS;
    FLASH_CR |= STRT;
    wait();
    show("erasing", FLASH_SR & ERRORS);
    set_options(options);
    lock();
}
