#include "TinyMLHarness.h"

extern "C" {
#include "link/link.h"
}

#ifdef ARDUINO_ARCH_MBED
#include <rtx_os.h>
#endif

/* Cores that may have the DWT's cycle counter. Registers: Armv7-M ARM, C1.6.5 and C1.8. */
#if defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_8M_MAIN__)
#define CORE_MAY_HAVE_DWT
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define CORE_DEMCR REGISTER(0xE000EDFCU)
#define CORE_DEMCR_TRCENA (1U << 24)
#define DWT_CTRL REGISTER(0xE0001000U)
#define DWT_CTRL_CYCCNTENA 1U
#define DWT_CYCCNT REGISTER(0xE0001004U)
#endif

#ifdef F_CPU
#define CYCLES_OF_MICROSECOND ((uint32_t)(F_CPU / 1000000UL))
#elif defined(CORE_MAY_HAVE_DWT)
#define CYCLES_OF_MICROSECOND 0U /* the clock is unknown: without the DWT, nothing is counted */
#else
#error "tinyml-harness counts cycles: define F_CPU, the core's clock in Hz"
#endif

static const uint32_t COARSE_MILLISECONDS =
    8; /* the time over which ticks_of_millisecond() averages */

static Stream *stream;
static TinyMLModel model;
static link_device_t device;
static bool counts_cycles; /* with the DWT */
static uint8_t pending[64];
static size_t pending_count;

TinyMLHarnessClass TinyMLHarness;

#ifdef ARDUINO_ARCH_MBED
/* The stack of the thread that runs setup() and loop(). The vector table does not contain it. */
static const uint32_t PAINT = 0xA5A5A5A5U;
static const uint32_t KEPT = 32; /* words below the used part, for paint_stack() itself */
static uint32_t *stack_bottom;   /* above the word with which RTX detects an overflow */

static uint32_t paint_stack() {
    const osRtxThread_t *thread = (const osRtxThread_t *)osThreadGetId();
    volatile uint32_t here = 0;
    stack_bottom = (uint32_t *)thread->stack_mem + 1;
    for (volatile uint32_t *word = stack_bottom; word < &here - KEPT; word++) {
        *word = PAINT;
    }
    return thread->stack_size;
}

static uint32_t stack_used() {
    const uint32_t *word = stack_bottom;
    while (*word == PAINT) {
        word++;
    }
    return device.stack_size - (uint32_t)(word - stack_bottom + 1) * sizeof(uint32_t);
}
#else
static uint32_t paint_stack() {
    return 0; /* unknown: the host examines the stack that is in the vector table */
}

static uint32_t stack_used() {
    return 0;
}
#endif

/* In an emulator, the counter may read as zero. */
static bool start_dwt() {
#ifdef CORE_MAY_HAVE_DWT
    CORE_DEMCR |= CORE_DEMCR_TRCENA;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
    uint32_t first = DWT_CYCCNT;
    for (volatile int round = 0; round < 16; round = round + 1) {
    }
    return DWT_CYCCNT != first;
#else
    return false;
#endif
}

__attribute__((noinline)) static uint32_t ticks() {
#ifdef CORE_MAY_HAVE_DWT
    if (counts_cycles) {
        return DWT_CYCCNT;
    }
#endif
    return (uint32_t)micros() * CYCLES_OF_MICROSECOND; /* wraps around together with micros() */
}

/* It is not inlined, so calibration and measurement use the same instructions around the call. */
__attribute__((noinline)) static uint32_t bracket(int (*work)(), int *status) {
    uint32_t start = ticks();
    *status = work();
    return ticks() - start;
}

__attribute__((noinline)) static int nothing() {
    return 0;
}

static uint32_t ticks_of_millisecond() {
    uint32_t before = millis();
    uint32_t edge;
    do {
        edge = millis();
    } while (edge == before);
    uint32_t start = ticks();
    while ((uint32_t)millis() - edge < COARSE_MILLISECONDS) {
    }
    return (ticks() - start) / COARSE_MILLISECONDS;
}

/* A frame ends with its only zero. USB sends the bytes of one write() as one packet. */
static void write_byte(uint8_t byte) {
    pending[pending_count++] = byte;
    if (byte == 0U || pending_count == sizeof(pending)) {
        stream->write(pending, pending_count);
        pending_count = 0;
    }
}

static link_result_t run() {
    link_result_t result = {};
    int status;
    stream->flush(); /* no byte is sent during the inference */
    int waiting = stream->available();
    uint32_t coarse = millis();
    result.ticks = bracket(model.invoke, &status) - device.counter_overhead;
    result.coarse = (uint32_t)millis() - coarse;
    result.disturbed = (uint32_t)(stream->available() - waiting);
    result.status = status;
    result.stack = stack_used();
    return result;
}

void TinyMLHarnessClass::begin(Stream &port, const TinyMLModel &of_sketch, int status) {
    int done;
    stream = &port;
    model = of_sketch;
    counts_cycles = start_dwt();
    device.write = write_byte;
    device.run = run;
    device.build_id = link_build_id;
    device.counter = counts_cycles ? "dwt" : "micros";
    device.counter_overhead = bracket(nothing, &done);
    device.coarse_ticks = counts_cycles ? ticks_of_millisecond() : 0U;
    device.input = model.input;
    device.input_size = model.inputSize;
    device.output = model.output;
    device.output_size = model.outputSize;
    device.arena_size = model.arenaSize;
    device.stack_size = paint_stack();
    device.engine_status = status;
    link_start(&device);
}

void TinyMLHarnessClass::poll() {
    while (stream->available() > 0) {
        link_receive((uint8_t)stream->read());
    }
}

void TinyMLHarnessClass::log(const char *text) {
    link_log(text);
}
