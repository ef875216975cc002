/*
 * The functions that the SDK requires from its platform
 * (edge-impulse-sdk/porting/ei_classifier_porting.h): memory, a timer, and output of text.
 */
#include "edge-impulse-sdk/porting/ei_classifier_porting.h"
#if __has_include("edge-impulse-sdk/tensorflow/lite/micro/debug_log.h")
#include "edge-impulse-sdk/tensorflow/lite/micro/debug_log.h" /* DebugLog is C in some SDKs */
#endif

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

extern "C" {
#include "nn.h"
#include "port.h"
}
#include "porting.h"

/* ---- memory: newlib's malloc, in the remaining RAM ---- */

#ifdef __arm__
extern "C" {
extern uint8_t bss_end[], ram_end[]; /* ports/cortexm/sections.ld */
void *_sbrk(ptrdiff_t size);
}

static uint8_t *top = bss_end;

extern "C" void *_sbrk(ptrdiff_t size) {
    if (size > ram_end - top) {
        errno = ENOMEM;
        return (void *)-1;
    }
    uint8_t *before = top;
    top += size; /* newlib-nano never returns memory */
    return before;
}

uint32_t porting_heap_used(void) {
    return (uint32_t)(top - bss_end);
}
#else
uint32_t porting_heap_used(void) {
    return 0;
}
#endif

void *ei_malloc(size_t size) {
    return malloc(size);
}

void *ei_calloc(size_t count, size_t size) {
    return calloc(count, size);
}

void ei_free(void *memory) {
    free(memory);
}

/* ---- fatal errors: a fault, and the port reports its place ---- */

#ifdef __arm__
void *__dso_handle; /* destructors of static objects are never run */

extern "C" int atexit(void (*)(void)) {
    return 0;
}

extern "C" int __aeabi_atexit(void *, void (*)(void *), void *) {
    return 0;
}

extern "C" void abort(void) {
    __builtin_trap();
}

extern "C" void __assert_func(const char *, int, const char *, const char *) {
    __builtin_trap();
}
#endif

/* ---- printing: the text is kept and sent after the inference ---- */

static char said[80];

const char *porting_said(void) {
    return said;
}

__attribute__((format(printf, 1, 2))) void ei_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(said, sizeof(said), format, arguments);
    va_end(arguments);
}

void ei_printf_float(float) {
}

void ei_putchar(char) {
}

char ei_getchar(void) {
    return 0;
}

void DebugLog(const char *text) {
    ei_printf("%s", text);
}

/* ---- time: ticks of the counter, which the SDK treats as microseconds ---- */

#ifdef NN_LAYER_HOOK
#define READS 16U

static uint32_t read_at[READS];
static uint32_t reads;
/* The indices of the reads at the end of DSP and of inference. */
static uint32_t dsp_end = READS, inference_end = READS;

void porting_begin(void) {
    reads = 0;
}

bool porting_learn_stages(uint32_t dsp, uint32_t inference) {
    uint32_t count = reads < READS ? reads : READS;
    for (uint32_t end = 1; end < count && dsp_end == READS; end++) {
        if (read_at[end] - read_at[0] == dsp) {
            dsp_end = end;
        }
    }
    for (uint32_t end = dsp_end + 1U; end < count && inference_end == READS; end++) {
        for (uint32_t start = dsp_end + 1U; start < end; start++) {
            if (read_at[end] - read_at[start] == inference) {
                inference_end = end;
            }
        }
    }
    if (inference == 0U) { /* without a network, the stage takes no time */
        inference_end = dsp_end;
    }
    return inference_end != READS;
}

static uint64_t read_timer(void) {
    uint32_t read = reads++;
    if (inference_end == READS) {
        uint32_t now = port_ticks();
        if (read < READS) {
            read_at[read] = now;
        }
        return now;
    }
    if (read == dsp_end) {
        NN_LAYER_DONE(0);
    }
    if (read == inference_end) {
        NN_LAYER_DONE(1);
    }
    return 0;
}
#else
/* The porting header: "If you do not need to determine the run times for DSP and inference blocks,
 * you can simply return 0". So the measured time does not include the cost of these reads. */
static uint64_t read_timer(void) {
    return 0;
}
#endif

uint64_t ei_read_timer_us(void) {
    return read_timer();
}

/* SDKs from before 2022 time their stages with this one. */
uint64_t ei_read_timer_ms(void) {
    return read_timer();
}

EI_IMPULSE_ERROR ei_sleep(int32_t) {
    return EI_IMPULSE_OK;
}

EI_IMPULSE_ERROR ei_run_impulse_check_canceled(void) {
    return EI_IMPULSE_OK;
}

void ei_serial_set_baudrate(int) {
}
