/* Start-up as chip vendors have it: a vector table, copied and cleared sections, and a handler
 * for everything else that only loops. */
#include <stdint.h>
#include <string.h>

typedef void (*constructor_t)(void);

extern uint32_t _estack[];
extern const constructor_t _sinit[], _einit[];
extern uint8_t _sdata[], _edata[], _sidata[], _sbss[], _ebss[], _sccm[], _eccm[], _siccm[];

int main(void);
void usart1_interrupt(void);

__attribute__((noreturn)) void Reset_Handler(void) {
    memcpy(_sdata, _sidata, (size_t)(_edata - _sdata));
    memcpy(_sccm, _siccm, (size_t)(_eccm - _sccm));
    memset(_sbss, 0, (size_t)(_ebss - _sbss));
    for (const constructor_t *constructor = _sinit; constructor < _einit; constructor++) {
        (*constructor)();
    }
    (void)main();
    for (;;) {
    }
}

void Default_Handler(void) {
    for (;;) {
    }
}

/* Only a program that handles faults has its own. */
__attribute__((weak, alias("Default_Handler"))) void UsageFault_Handler(void);

/* Only a program with tasks has these. */
__attribute__((weak)) void PendSV_Handler(void);
__attribute__((weak)) void SysTick_Handler(void);

typedef union {
    uint32_t *stack;
    void (*handler)(void);
} vector_t;

__attribute__((section(".isr_vector"), used)) static const vector_t vectors[16 + 38] = {
    [0] = {.stack = _estack},
    [1] = {.handler = Reset_Handler},
    [2] = {.handler = Default_Handler}, /* NMI */
    [3] = {.handler = Default_Handler}, /* HardFault */
    [4] = {.handler = Default_Handler},
    [5] = {.handler = Default_Handler},
    [6] = {.handler = UsageFault_Handler},
    [14] = {.handler = PendSV_Handler},
    [15] = {.handler = SysTick_Handler},
    [16 + 37] = {.handler = usart1_interrupt},
};
