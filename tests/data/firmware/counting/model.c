/* A model that copies its input, and does to the port's counters what the first byte tells: on
 * the STM32 ports, where TIM2 or the DWT counts and TIM5 is the coarse counter. */
#include <string.h>

#include "nn.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define TIM2_CNT REGISTER(0x40000024)
#define TIM5_CNT REGISTER(0x40000C24)
#define DWT_CTRL REGISTER(0xE0001000)
#define DWT_CYCCNT REGISTER(0xE0001004)

#define ROUNDS 5000U
#define NEAR 1000U /* ticks, fewer than the rounds take */

/* tests/unit/test_counter.py has the same list. */
enum { BEHAVE, WRAP_SOON, TAKE_LONG, STOP, GO_BACK };

const char *port_counter(void); /* of port.h */

static int8_t tensor[4];
static int invoked;

/* -Wl,--wrap=port_ticks puts this in its place. */
uint32_t __real_port_ticks(void);
uint32_t __wrap_port_ticks(void);

static volatile uint32_t *counter(void) {
    return strcmp(port_counter(), "dwt") == 0 ? &DWT_CYCCNT : &TIM2_CNT;
}

/* Acts before the first of an inference's two readings, so that what is read is the counter's own.
 * Before the second, it takes as many instructions as around the empty bracket: no branch. */
uint32_t __wrap_port_ticks(void) {
    int told = tensor[0] & (invoked - 1); /* BEHAVE after nn_invoke */
    invoked = 0;
    if (told == WRAP_SOON) {
        *counter() = 0U - NEAR;
    } else if (told == STOP) {
        DWT_CTRL &= ~1U; /* QEMU's TIM2 cannot be stopped */
    }
    return __real_port_ticks();
}

int nn_init(void) {
    return 0;
}

nn_tensor_t nn_input(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

nn_tensor_t nn_output(void) {
    return (nn_tensor_t){tensor, sizeof(tensor)};
}

int nn_invoke(void) {
    for (volatile uint32_t round = 0; round < ROUNDS; round++) {
    }
    if (tensor[0] == TAKE_LONG) { /* as if 2^32 ticks had passed: the counter is where it was */
        TIM5_CNT += 1U << 16;
    } else if (tensor[0] == GO_BACK) {
        *counter() -= 1U << 20;
    }
    invoked = 1;
    return 0;
}

uint32_t nn_arena_size(void) {
    return sizeof(tensor);
}
