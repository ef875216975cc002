/*
 * The application for MLPerf Tiny: it runs an engine's model when the benchmark's protocol asks.
 * It converts inputs and prints results like the reference submissions of mlcommons/tiny.
 */
#include <stdbool.h>
#include <string.h>

#include "mlperf.h"
#include "mlperf_model.h"
#include "nn.h"
#include "nn_kernels.h"
#include "port.h"
#include "text.h"

#define MICRO 1000000U
#define LOW_US 50U

/* `db` fills this buffer. It is separate from the engine's input, which an inference may
 * overwrite. */
static _Alignas(float) uint8_t received[MLPERF_INPUT_SIZE];

static int32_t engine_status; /* of nn_init() */

#if MLPERF_QUANTIZES
static int8_t quantized[MLPERF_INPUTS];

static int32_t load(void) {
    nn_quantize_f32_s8(MLPERF_INPUT_SCALE, MLPERF_INPUT_ZERO, (int32_t)MLPERF_INPUTS,
                       (const float *)(const void *)received, quantized);
    return engine_status;
}

static void put_input(void) {
    memcpy(nn_input().data, quantized, sizeof(quantized));
}
#else
static int32_t load(void) {
    return engine_status;
}

/* MLPERF_FLIP is 0x80808080 if 0 to 255 become -128 to 127, and 0 otherwise. */
static void put_input(void) {
    uint8_t *to = nn_input().data;
    uint32_t i = 0;
    for (; i + sizeof(uint32_t) <= sizeof(received); i += (uint32_t)sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, received + i, sizeof(word));
        word ^= MLPERF_FLIP;
        memcpy(to + i, &word, sizeof(word));
    }
    for (; i < sizeof(received); i++) {
        to[i] = (uint8_t)(received[i] ^ (MLPERF_FLIP & 0xFFU));
    }
}
#endif

/* Returns the ticks since start in 64 bits. It has to be called at least once in 2^32 ticks. */
static uint64_t ticks(void) {
    static uint64_t total;
    static uint32_t last;
    uint32_t now = port_ticks();
    total += now - last;
    last = now;
    return total;
}

static uint64_t microseconds(void) {
    uint64_t now = ticks();
    return now / TICK_HZ * MICRO + now % TICK_HZ * MICRO / TICK_HZ;
}

static int32_t infer(void) {
#ifdef NN_STATE
    int32_t status = nn_reset(); /* the protocol has no sequences: each inference stands alone */
    if (status != 0) {
        return status;
    }
    put_input();
    status = nn_invoke();
#else
    put_input();
    int32_t status = nn_invoke();
#endif
    (void)ticks();
    return status;
}

static float output(uint32_t index) {
    const mlperf_output_t *values = nn_output().data;
    return (float)(values[index] - MLPERF_OUTPUT_ZERO) * MLPERF_OUTPUT_SCALE;
}

/* Returns the mean squared difference between the reconstruction and the input. */
static float score(void) {
    const float *input = (const float *)(const void *)received;
    float sum = 0.0F;
    for (uint32_t i = 0; i < MLPERF_INPUTS; i++) {
        float difference = output(i) - input[i];
        sum += difference * difference;
    }
    return sum / (float)MLPERF_INPUTS;
}

/* Returns a result in thousandths. It is truncated if the benchmark's reference truncates it;
 * otherwise it is rounded like "%.3f", to the nearest and ties to even. The product is exact. NaN
 * and values that are too large give the largest number. */
static int32_t result(uint32_t index) {
    double exact = 1000.0 * (double)(MLPERF_SCORE ? score() : output(index));
    if (exact <= INT32_MIN) {
        return INT32_MIN;
    }
    if (!(exact < INT32_MAX)) {
        return INT32_MAX;
    }
    int32_t whole = (int32_t)exact;
    double rest = exact - whole;
    if (MLPERF_CUTS_OFF) {
        return whole;
    }
    bool odd = whole % 2 != 0;
    return whole + (rest > 0.5 || (rest == 0.5 && odd)) - (rest < -0.5 || (rest == -0.5 && odd));
}

/* Pulls the pin low for at least LOW_US, since a loop takes several cycles, and then high. The
 * protocol asks for 1 us, but a meter that samples every 10 us has to see the pulse. */
static void edge(void) {
    port_trigger(0);
    for (volatile uint32_t round = 0; round <= LOW_US * (TICK_HZ / MICRO); round++) {
    }
    port_trigger(1);
}

void report_fault(const uint32_t words[FAULT_WORDS]) {
    put_to(port_write);
    put("\r\ne-[Fault:");
    for (uint32_t i = 0; i < FAULT_WORDS; i++) {
        put_char(' ');
        for (uint32_t shift = 32U; shift > 0U; shift -= 8U) {
            put_hex((uint8_t)(words[i] >> (shift - 8U)));
        }
    }
    put_line("]");
}

int main(void) {
    static const mlperf_device_t device = {
        .write = port_write,
        .vendor = "tinyml-harness " BUILD_ID,
        .model = MLPERF_MODEL,
        .input = received,
        .input_size = sizeof(received),
        .load = load,
        .infer = infer,
        .results = MLPERF_RESULTS,
        .result = result,
        .microseconds = microseconds,
        .edge = MLPERF_ENERGY ? edge : NULL,
    };
    port_init();
    engine_status = nn_init();
    mlperf_start(&device);
    for (;;) {
        mlperf_receive(port_read());
    }
}
