/*
 * The application that measures: it runs an engine's model when the host asks over the link.
 */
#include <stdint.h>

#include "link.h"
#include "nn.h"
#include "port.h"

#ifdef LINK_PROFILE
#include "profile.h"
#define INVOKE profile_invoke
#else
#define INVOKE nn_invoke
#endif

static uint32_t overhead; /* ticks of an empty bracket */
static link_device_t device;

/* Returns the ticks from just before the call of `work` until just after its return. It is not
 * inlined, so calibration and measurement use the same instructions around the call. */
__attribute__((noinline)) static uint32_t bracket(int (*work)(void), int *status) {
    uint32_t start = port_ticks();
    *status = work();
    return port_ticks() - start;
}

__attribute__((noinline)) static int empty(void) {
    return 0;
}

#define COARSE_LOOKS 4096U
#define COARSE_PAUSE 64U /* loops between two reads: some emulators read a timer slowly */

#define COARSE_TICKS 0x8000U
#define COARSE_CHANGES 256U /* the limit if port_ticks() does not count */

/* Returns what tells how often the counter wraps around: wraps if the port counts them, or else its
 * coarse counter. */
static uint32_t coarse_count(void) {
#ifdef PORT_WRAPS
    uint32_t ticks;
    uint32_t wraps = port_wraps(&ticks);
    if (ticks != 0U) {
        return wraps;
    }
#endif
    return port_coarse();
}

/* Waits for the coarse counter to change. Returns 0 if it does not. */
static int coarse_changes(void) {
    uint32_t before = port_coarse();
    for (uint32_t looks = 0; looks < COARSE_LOOKS; looks++) {
        if (port_coarse() != before) {
            return 1;
        }
        for (volatile uint32_t round = 0; round < COARSE_PAUSE; round++) {
        }
    }
    return 0;
}

/* Returns the ticks from one change of the coarse counter to the next, or 0 if it does not count.
 * Each change is seen up to one pause late, so short periods are averaged over many changes. */
static uint32_t ticks_of_coarse(void) {
#ifdef PORT_WRAPS
    uint32_t wrap;
    (void)port_wraps(&wrap);
    if (wrap != 0U) {
        return wrap;
    }
#endif
    if (!coarse_changes()) {
        return 0;
    }
    uint32_t first = port_coarse();
    uint32_t start = port_ticks();
    uint32_t changes, ticks;
    do {
        if (!coarse_changes()) {
            return 0;
        }
        changes = port_coarse() - first;
        ticks = port_ticks() - start;
    } while (ticks < COARSE_TICKS && changes < COARSE_CHANGES);
    return ticks / changes;
}

static link_result_t run(void) {
    link_result_t result;
    int status;
    port_stay_awake(0);
    port_settle();
    port_restart();
    uint32_t received = port_received();
    uint32_t coarse = coarse_count();
    port_trigger(1);
    result.ticks = bracket(INVOKE, &status) - overhead;
    port_trigger(0);
    result.coarse = coarse_count() - coarse;
    result.disturbed = port_received() - received;
    result.status = status;
#ifdef LINK_BATCH
    result.stack = 0;
#else
    result.stack = port_stack_used();
#endif
    device.arena_size = nn_arena_size(); /* grows, if the engine uses a heap */
    return result;
}

static uint32_t count(void) {
    port_stay_awake(1);
    return port_ticks();
}

void report_fault(const uint32_t words[FAULT_WORDS]) {
    link_fault(port_write, words);
}

int main(void) {
    port_init();
    int status;
    overhead = bracket(empty, &status);
#ifdef LINK_PROFILE
    profile_init();
#endif
    status = nn_init();
    nn_tensor_t input = nn_input();
    nn_tensor_t output = nn_output();
    device = (link_device_t){
        .write = port_write,
        .run = run,
#ifdef LINK_BATCH
        .stack_used = port_stack_used,
#endif
        .count = count,
#ifdef LINK_STATE
        .reset = nn_reset,
#endif
        .build_id = link_build_id,
        .counter = port_counter(),
        .counter_overhead = overhead,
        .coarse_ticks = ticks_of_coarse(),
        .input = input.data,
        .input_size = input.size,
        .output = output.data,
        .output_size = output.size,
        .arena_size = nn_arena_size(),
        .stack_size = port_stack_size(),
        .engine_status = status,
#ifdef LINK_PROFILE
        .profile = profile,
        .profile_size = sizeof(profile),
#endif
    };
    link_start(&device);
    if (status != 0) {
        link_log("nn_init failed");
    }
    for (;;) {
        link_receive(port_read());
    }
}
