/*
 * The measuring application: an engine's model behind the link.
 */
#include <stdint.h>

#include "build_id.h"
#include "link.h"
#include "nn.h"
#include "port.h"

static uint32_t overhead; /* ticks of an empty bracket */

/* Ticks from just before `work` is called until just after it returned. One
 * noinline function for calibration and measurement: the bracket is the same. */
__attribute__((noinline)) static uint32_t bracket(int (*work)(void), int *status) {
    uint32_t start = port_ticks();
    *status = work();
    return port_ticks() - start;
}

__attribute__((noinline)) static int empty(void) {
    return 0;
}

static link_result_t run(void) {
    link_result_t result;
    int status;
    uint32_t received = port_received();
    port_trigger(1);
    result.ticks = bracket(nn_invoke, &status) - overhead;
    port_trigger(0);
    result.disturbed = port_received() - received;
    result.status = status;
    result.stack = port_stack_used();
    return result;
}

int main(void) {
    port_init();
    int status;
    overhead = bracket(empty, &status);
    status = nn_init();
    if (status != 0) {
        link_log(port_write, "nn_init failed");
    }
    nn_tensor_t input = nn_input();
    nn_tensor_t output = nn_output();
    static link_device_t device;
    device = (link_device_t){
        .read = port_read,
        .write = port_write,
        .run = run,
        .build_id = build_id,
        .counter = port_counter(),
        .counter_overhead = overhead,
        .input = input.data,
        .input_size = input.size,
        .output = output.data,
        .output_size = output.size,
        .arena_size = nn_arena_size(),
        .stack_size = port_stack_size(),
        .engine_status = status,
    };
    link_serve(&device);
}
