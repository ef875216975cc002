/*
 * The device's side of the link under a fuzzer: any bytes on the line. Whatever they are, only
 * the input is written to, and each frame is answered once, by whole frames, in its sequence.
 */
#include "fuzz_link.h"

#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "link.h"
#include "message.h"

#define OUTPUT_SIZE 260U /* more than a COBS block */
#define REFUSED 0xC0U    /* and more, as the input's first byte: the engine fails */
#define FRAME_CAPACITY 1024U

uint8_t sent[SENT_CAPACITY];
size_t sent_size;

static uint8_t *input; /* memory of its own: the sanitizer sees a write beyond it */
static uint8_t *output;
static uint32_t runs;
static uint32_t kept; /* the state: how often it ran since RESET */

static void write_byte(uint8_t byte) {
    CHECK(sent_size < SENT_CAPACITY);
    sent[sent_size++] = byte;
}

/* The output is the input's inverse, again and again. It overwrites its input, as an inference may.
 */
static link_result_t run(void) {
    runs += 1U;
    kept += 1U;
    if (input[0] >= REFUSED) {
        return (link_result_t){.status = 3};
    }
    for (uint32_t i = 0; i < OUTPUT_SIZE; i++) {
        output[i] = (uint8_t)~input[i % INPUT_SIZE];
    }
#ifdef LINK_TRACE
    link_layer(0, 0, input, INPUT_SIZE);
    link_layer(1, 0, output, OUTPUT_SIZE);
#endif
    input[0] += 1U;
    return (link_result_t){.ticks = runs, .coarse = kept};
}

#ifdef LINK_PROFILE
static uint32_t count(void) {
    return 1000U + runs;
}
#endif

#ifdef LINK_STATE
/* It fails as `run` does. */
static int reset(void) {
    kept = 0;
    return input[0] >= REFUSED ? 4 : 0;
}
#endif

static void start(void) {
    static const uint8_t build_id[LINK_BUILD_ID_SIZE] = {1, 2, 3};
    static link_device_t device;
    if (input == NULL) {
        input = malloc(INPUT_SIZE);
        output = malloc(OUTPUT_SIZE);
    }
    memset(input, 0, INPUT_SIZE);
    memset(output, 0, OUTPUT_SIZE);
    runs = kept = 0;
    sent_size = 0;
    device = (link_device_t){
        .write = write_byte,
        .run = run,
        .build_id = build_id,
        .counter = "none",
        .input = input,
        .input_size = INPUT_SIZE,
        .output = output,
        .output_size = OUTPUT_SIZE,
    };
#ifdef LINK_PROFILE
    device.count = count;
    static const uint32_t profile[] = {1, 2, 3};
    device.profile = profile;
    device.profile_size = sizeof(profile);
#endif
#ifdef LINK_STATE
    device.reset = reset;
#endif
    link_start(&device);
}

/* Takes the next frame of the `size` bytes at `line`; what is not one frame is a failure. */
static const uint8_t *take_frame(const uint8_t *line, const uint8_t *end,
                                 frame_decoder_t *decoder) {
    static uint8_t payload[2 * FRAME_CAPACITY];
    frame_decoder_init(decoder, payload, sizeof(payload));
    frame_status_t status = FRAME_MORE;
    while (status == FRAME_MORE) {
        CHECK(line < end);
        status = frame_decode(decoder, *line++);
    }
    CHECK(status == FRAME_READY && decoder->length >= 2U);
    return line;
}

/* The frames that answer a request: one first, any number between, one last. ERROR may come
 * instead of the first or the last. What is not here, ERROR alone answers. */
static const struct {
    uint8_t first, between, last;
} answers[UINT8_MAX + 1] = {
    [MESSAGE_HELLO] = {.last = MESSAGE_WELCOME},
    [MESSAGE_LOAD] = {.last = MESSAGE_ACK},
    [MESSAGE_RUN] = {.first = MESSAGE_ACK, .last = MESSAGE_RESULT},
#ifdef LINK_TRACE
    [MESSAGE_TRACE] = {.first = MESSAGE_ACK, .between = MESSAGE_LAYER, .last = MESSAGE_RESULT},
#endif
#ifdef LINK_PROFILE
    [MESSAGE_PROFILE] = {.last = MESSAGE_TICKS},
    [MESSAGE_CLOCK] = {.last = MESSAGE_COUNT},
#endif
#ifdef LINK_STATE
    [MESSAGE_RESET] = {.last = MESSAGE_ACK},
#endif
};

/* Looks at the next frame of an answer; whether it is the last. */
static int is_last(uint8_t request, uint8_t type, int is_first) {
    if (type == MESSAGE_ERROR) {
        return 1;
    }
    if (is_first && answers[request].first != 0U) {
        CHECK(type == answers[request].first);
        return 0;
    }
    if (type == answers[request].last) {
        return 1;
    }
    CHECK(type == answers[request].between);
    return 0;
}

/* All that was sent since `begin` is the one answer to what `line` decoded. */
static void check_answer(size_t begin, frame_status_t status, const frame_decoder_t *line) {
    int numbered = status == FRAME_READY && line->length >= 2U;
    uint8_t request = numbered ? line->buffer[0] : 0U;
    uint8_t sequence = numbered ? line->buffer[1] : 0U;
    const uint8_t *next = sent + begin;
    const uint8_t *end = sent + sent_size;
    int first = 1, last = 0;
    while (!last) {
        frame_decoder_t answer;
        next = take_frame(next, end, &answer);
        CHECK(answer.buffer[1] == sequence);
        last = is_last(request, answer.buffer[0], first);
        first = 0;
    }
    CHECK(next == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *line, size_t size) {
    static uint8_t request[FRAME_CAPACITY];
    frame_decoder_t decoder;
    frame_decoder_init(&decoder, request, sizeof(request));
    start();
    for (size_t i = 0; i < size; i++) {
        size_t begin = sent_size;
        uint32_t runs_before = runs;
        frame_status_t status = frame_decode(&decoder, line[i]);
        link_receive(line[i]);
        if (status == FRAME_MORE) {
            CHECK(sent_size == begin);
        } else {
            check_answer(begin, status, &decoder);
        }
        CHECK(runs - runs_before <= 1U);
    }
    return 0;
}

uint32_t input_crc(const uint8_t *line, size_t size) {
    (void)LLVMFuzzerTestOneInput(line, size);
    return frame_crc(input, INPUT_SIZE);
}
