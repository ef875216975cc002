/*
 * A flash algorithm as CMSIS packs have it, for the flash of the STM32F42x (RM0090, 3.9).
 *
 * Functions and descriptor: CMSIS-Pack, "Flash programming algorithms".
 */
#include <stdint.h>

#define REGISTER(offset) (*(volatile uint32_t *)(0x40023C00U + (offset)))
#define FLASH_KEYR REGISTER(0x04)
#define FLASH_SR REGISTER(0x0C)
#define FLASH_SR_ERRORS 0xF2U
#define FLASH_SR_BSY (1U << 16)
#define FLASH_CR REGISTER(0x10)
#define FLASH_CR_PG (1U << 0)
#define FLASH_CR_SER (1U << 1)
#define FLASH_CR_SNB_SHIFT 3U
#define FLASH_CR_BY_WORD (2U << 8)
#define FLASH_CR_STRT (1U << 16)
#define FLASH_CR_LOCK (1U << 31)

#define BEGIN 0x08000000U
#define BANK 0x00100000U

struct FlashDevice {
    uint16_t version;
    char name[128];
    uint16_t type;
    uint32_t begin, size, page, reserved;
    uint8_t empty;
    uint32_t program_ms, erase_ms;
    struct {
        uint32_t size, begin;
    } sectors[7];
};

__attribute__((section("DevDscr"), used)) const struct FlashDevice FlashDevice = {
    .version = 0x101,
    .name = "STM32F42x",
    .type = 1, /* on the chip */
    .begin = BEGIN,
    .size = 2 * BANK,
    .page = 1024,
    .empty = 0xFF,
    .program_ms = 1000,
    .erase_ms = 6000,
    .sectors =
        {
            {0x4000, 0},
            {0x10000, 0x10000},
            {0x20000, 0x20000},
            {0x4000, BANK},
            {0x10000, BANK + 0x10000},
            {0x20000, BANK + 0x20000},
            {0xFFFFFFFF, 0xFFFFFFFF},
        },
};

static int wait(void) {
    while (FLASH_SR & FLASH_SR_BSY) {
    }
    return (FLASH_SR & FLASH_SR_ERRORS) != 0;
}

int Init(uint32_t address, uint32_t clock, uint32_t function) {
    (void)address, (void)clock, (void)function;
    FLASH_KEYR = 0x45670123U;
    FLASH_KEYR = 0xCDEF89ABU;
    FLASH_SR = FLASH_SR_ERRORS;
    return 0;
}

int UnInit(uint32_t function) {
    (void)function;
    FLASH_CR = FLASH_CR_LOCK;
    return 0;
}

int EraseSector(uint32_t address) {
    uint32_t offset = (address - BEGIN) % BANK;
    uint32_t sector = offset < 0x10000   ? offset / 0x4000
                      : offset < 0x20000 ? 4
                                         : 4 + offset / 0x20000;
    if (address - BEGIN >= BANK) {
        sector += 16;
    }
    FLASH_CR = FLASH_CR_SER | sector << FLASH_CR_SNB_SHIFT | FLASH_CR_BY_WORD;
    FLASH_CR |= FLASH_CR_STRT;
    int failed = wait();
    FLASH_CR = 0;
    return failed;
}

int ProgramPage(uint32_t address, uint32_t size, const uint32_t *words) {
    FLASH_CR = FLASH_CR_PG | FLASH_CR_BY_WORD;
    int failed = 0;
    for (uint32_t i = 0; i < size / 4; i++) {
        ((volatile uint32_t *)address)[i] = words[i];
        failed |= wait();
    }
    FLASH_CR = 0;
    return failed;
}
