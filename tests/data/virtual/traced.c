/*
 * Firmware for the paths that debuggers use: it counts in `counted`, and writes
 * a line for each count to stimulus port 0 of the ITM and to an RTT buffer.
 */
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define ITM_PORT (*(volatile uint8_t *)0xE0000000U)
#define ITM_READY REGISTER(0xE0000000U)
#define ITM_TER REGISTER(0xE0000E00U)
#define ITM_TCR REGISTER(0xE0000E80U)
#define ITM_LAR REGISTER(0xE0000FB0U)
#define DEMCR REGISTER(0xE000EDFCU)

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_end[];

static char buffer[256];

/* The control block as SEGGER's description of RTT has it, with one up-buffer. */
static volatile struct {
    char identifier[16];
    uint32_t up_buffers, down_buffers;
    const char *name;
    char *data;
    uint32_t size, write, read, flags;
} control_block = {
    .up_buffers = 1,
    .name = "Terminal",
    .data = buffer,
    .size = sizeof(buffer),
};

volatile uint32_t counted;

static void send(char character) {
    if ((ITM_TCR & 1U) != 0U && (ITM_TER & 1U) != 0U) {
        while (ITM_READY == 0U) {
        }
        ITM_PORT = (uint8_t)character;
    }
    uint32_t next = (control_block.write + 1U) % control_block.size;
    if (next != control_block.read) {
        buffer[control_block.write] = character;
        control_block.write = next;
    }
}

__attribute__((noinline)) void count(void) {
    counted += 1U;
}

static void print(const char *text) {
    while (*text != '\0') {
        send(*text++);
    }
}

__attribute__((noreturn)) void reset(void) {
    const uint32_t *from = data_load;
    for (uint32_t *word = data_start; word < data_end; word++) {
        *word = *from++;
    }
    for (uint32_t *word = data_end; word < bss_end; word++) {
        *word = 0;
    }
    /* The identifier is assembled here: a debugger must not find it in flash. */
    static const char backwards[] = "TTR REGGES";
    for (uint32_t i = 0; i < sizeof(backwards) - 1U; i++) {
        control_block.identifier[i] = backwards[sizeof(backwards) - 2U - i];
    }
#ifdef ENABLE_ITM
    DEMCR |= 1U << 24;
    ITM_LAR = 0xC5ACCE55U;
    ITM_TCR = 1U;
    ITM_TER = 1U;
#endif
    for (;;) {
        count();
        print("counted ");
        send((char)('0' + counted % 10U));
        send('\n');
        for (volatile uint32_t pause = 0; pause < 50000U; pause++) {
        }
    }
}

__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top,
    (const void *)reset,
};
