/*
 * The core peripherals and functions that ports use.
 *
 * Registers: Armv7-M Architecture Reference Manual (DDI 0403E), B3.2 System Control Block,
 * B3.4 NVIC, B3.5 MPU, C1.6 DebugMonitor control, C1.8 DWT.
 */
#ifndef CORTEXM_H
#define CORTEXM_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SCB_CPACR REGISTER(0xE000ED88)
#define SCB_CFSR REGISTER(0xE000ED28)
#define SCB_HFSR REGISTER(0xE000ED2C)
#define SCB_MMFAR REGISTER(0xE000ED34)
#define SCB_BFAR REGISTER(0xE000ED38)
#define MPU_CTRL REGISTER(0xE000ED94)
#define MPU_CTRL_ENABLE (1U << 0)
#define MPU_CTRL_PRIVDEFENA (1U << 2) /* outside of the regions, access is as without an MPU */
#define MPU_RBAR REGISTER(0xE000ED9C)
#define MPU_RBAR_VALID (1U << 4) /* the region's number is in the bits below */
#define MPU_RASR REGISTER(0xE000EDA0)
#define MPU_RASR_ENABLE (1U << 0)
#define NVIC_ISER(n) REGISTER(0xE000E100 + 4U * (n))
#define CORE_DEMCR REGISTER(0xE000EDFC)
#define CORE_DEMCR_TRCENA (1U << 24)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CTRL_CYCCNTENA (1U << 0)
#define DWT_CYCCNT REGISTER(0xE0001004)

typedef void (*vector_t)(void);

/* Marks the table of a port's interrupt vectors. The linker puts it after the core's 16 vectors. */
#define PORT_VECTORS __attribute__((section(".vectors.port"), used))

static inline void interrupts_off(void) {
    __asm volatile("cpsid i" ::: "memory");
}

static inline void interrupts_on(void) {
    __asm volatile("cpsie i\n isb" ::: "memory");
}

static inline void nvic_enable(uint32_t interrupt) {
    NVIC_ISER(interrupt / 32U) = 1U << (interrupt % 32U);
}

/* Selects the counter that port_ticks() reads: the DWT's cycle counter if it counts, otherwise
 * `timer`, a running 32-bit timer of the port. */
void counter_init(volatile uint32_t *timer, const char *timer_name);

/* Returns whether the DWT's cycle counter counts, for a port that starts its timer only if it is
 * needed. The DWT of Armv6-M has no cycle counter, and only a debugger may access it (DDI 0419,
 * C1.1); inline, so that the code for the DWT is left out there. */
#if defined(__ARM_ARCH_6M__)
static inline int counter_has_dwt(void) {
    return 0;
}
#else
int counter_has_dwt(void);
#endif

/* Has port_ticks() call `read`, which returns a free-running 32-bit counter. */
void counter_use(uint32_t (*read)(void), const char *counter_name);

/* Part systick: has port_ticks() read the DWT if it counts, and otherwise SysTick. Interrupts must
 * be on: SysTick's own extends it to 32 bits. */
void counter_start(void);

/* For a timer that cannot be read directly: writing 1 to `task` copies its value to `timer`. */
void counter_capture(volatile uint32_t *task);

/* Part rtt: makes the rings of the link, before the first byte. */
void rtt_init(void);

/* Part ring: a port's receive interrupt calls this for each byte. */
void ring_put(uint8_t byte);

#endif
