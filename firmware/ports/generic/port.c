/*
 * The generic port: it uses no register outside the core, so it suits every Cortex-M. The link's
 * bytes go through RTT. Ticks come from the DWT, or from SysTick if there is no DWT that counts.
 * The clock stays as it is after reset, and there is no trigger pin.
 */
#include "port.h"

#include "cortexm.h"

void port_init(void) {
    rtt_init();
    counter_start();
}
