/* What a port may leave out: the linker takes the port's own function if there is one. */
#include "port.h"

__attribute__((weak)) void port_trigger(int high) {
    (void)high; /* no pin: a meter finds the inferences in the current */
}

__attribute__((weak)) uint32_t port_coarse(void) {
    return 0; /* no second timer: a wrap-around of the counter is not noticed */
}

__attribute__((weak)) void port_restart(void) {
}
