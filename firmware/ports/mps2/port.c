/*
 * FPGA images for Arm's MPS2 and MPS3 boards: the serial line is a CMSDK UART. Ticks come from the
 * DWT, or from the counter of the FPGA's I/O block if there is no DWT. The trigger is LED 0.
 *
 * Registers: Cortex-M System Design Kit TRM (DDI 0479), "APB UART"; AN385, AN505 and
 * AN547, "FPGA system control and I/O".
 */
#include "port.h"

#include "cortexm.h"

#define UART_DATA REGISTER(UART_BASE + 0x00U)
#define UART_STATE REGISTER(UART_BASE + 0x04U)
#define UART_STATE_TX_FULL (1U << 0)
#define UART_STATE_RX_FULL (1U << 1)
#define UART_STATE_RX_OVERRUN (1U << 3)
#define UART_CTRL REGISTER(UART_BASE + 0x08U)
#define UART_CTRL_TX (1U << 0)
#define UART_CTRL_RX (1U << 1)
#define UART_CTRL_RX_INTERRUPT (1U << 3)
#define UART_INTCLEAR REGISTER(UART_BASE + 0x0CU)
#define UART_INTCLEAR_RX (1U << 1)
#define UART_BAUDDIV REGISTER(UART_BASE + 0x10U)

#define FPGAIO_LED0 REGISTER(FPGAIO_BASE + 0x00U)
#define FPGAIO_CLK100HZ REGISTER(FPGAIO_BASE + 0x14U)
#define FPGAIO_COUNTER REGISTER(FPGAIO_BASE + 0x18U)
#define FPGAIO_PRESCALE REGISTER(FPGAIO_BASE + 0x1CU)

extern uint32_t stack_bottom[];

#define GUARD_SIZE_LOG2 16U

/* On QEMU's AN385, AN386 and AN500, a write to an address without memory has no effect, so a stack
 * overflow does not fault. This MPU region forbids access below the stack. QEMU's Armv8-M machines
 * need none: such a write faults. */
static void stack_guard_init(void) {
#if __ARM_ARCH == 7
    MPU_RBAR = ((uint32_t)stack_bottom - (1U << GUARD_SIZE_LOG2)) | MPU_RBAR_VALID;
    MPU_RASR = (GUARD_SIZE_LOG2 - 1U) << 1 | MPU_RASR_ENABLE;
    MPU_CTRL = MPU_CTRL_PRIVDEFENA | MPU_CTRL_ENABLE;
    __asm volatile("dsb\n isb" ::: "memory");
#endif
}

static void uart_init(void) {
    UART_BAUDDIV = (UART_HZ + BAUD / 2U) / BAUD;
    UART_CTRL = UART_CTRL_TX | UART_CTRL_RX | UART_CTRL_RX_INTERRUPT;
    nvic_enable(UART_INTERRUPT);
}

void port_init(void) {
    stack_guard_init();
    port_trigger(0);
    uart_init();
    FPGAIO_PRESCALE = 0; /* the counter counts every cycle */
    counter_init(&FPGAIO_COUNTER, "fpgaio");
}

uint32_t port_coarse(void) {
    return FPGAIO_CLK100HZ;
}

void port_write(uint8_t byte) {
    while ((UART_STATE & UART_STATE_TX_FULL) != 0U) {
    }
    UART_DATA = byte;
}

void port_trigger(int high) {
    FPGAIO_LED0 = high ? 1U : 0U;
}

static void uart_interrupt(void) {
    /* Cleared before DATA is read, so that the next byte raises the interrupt again. */
    while ((UART_STATE & UART_STATE_RX_FULL) != 0U) {
        UART_INTCLEAR = UART_INTCLEAR_RX;
        ring_put((uint8_t)UART_DATA);
    }
    UART_STATE = UART_STATE_RX_OVERRUN; /* a byte was lost; the frame's CRC shows it */
}

PORT_VECTORS static const vector_t vectors[UART_INTERRUPT + 1U] = {
    [UART_INTERRUPT] = uart_interrupt,
};
