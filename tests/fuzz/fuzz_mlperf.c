/*
 * The device's side of MLPerf Tiny's protocol under a fuzzer: any characters on the line.
 * Whatever they are, only the input is written to, nothing is said before a command is complete,
 * and each command is answered by whole lines, the last of which, and no other, is m-ready.
 */
#include <string.h>

#include "fuzz.h"
#include "mlperf.h"

#define INPUT_SIZE 40U /* more than one `db` of a runner holds */
#define RESULTS 3U
#define REFUSED 0xEEU  /* as the input's last byte: it cannot be taken over */
#define PATIENCE 1000U /* inferences, then the engine fails: a line has to end */

uint8_t sent[SENT_CAPACITY];
size_t sent_size;

static uint8_t *input; /* memory of its own: the sanitizer sees a write beyond it */
static uint8_t taken[INPUT_SIZE];
static uint32_t inferences;
static uint64_t now;

static void write_byte(uint8_t byte) {
    CHECK(sent_size < SENT_CAPACITY);
    sent[sent_size++] = byte;
}

static int32_t load(void) {
    memcpy(taken, input, INPUT_SIZE);
    return taken[INPUT_SIZE - 1U] == REFUSED ? 7 : 0;
}

static int32_t infer(void) {
    inferences += 1U;
    return inferences > PATIENCE ? 5 : 0;
}

/* The input's first bytes: any number there is. */
static int32_t result(uint32_t index) {
    int32_t thousandths;
    CHECK(index < RESULTS);
    memcpy(&thousandths, taken + index * sizeof(thousandths), sizeof(thousandths));
    return thousandths;
}

static uint64_t microseconds(void) {
    return now++;
}

static void start(void) {
    static mlperf_device_t device;
    if (input == NULL) {
        input = malloc(INPUT_SIZE);
    }
    memset(input, 0, INPUT_SIZE);
    inferences = 0;
    now = UINT32_MAX; /* a clock that does not wrap */
    sent_size = 0;
    device = (mlperf_device_t){
        .write = write_byte,
        .vendor = "nobody",
        .model = "none01",
        .input = input,
        .input_size = INPUT_SIZE,
        .load = load,
        .infer = infer,
        .results = RESULTS,
        .result = result,
        .microseconds = microseconds,
    };
    mlperf_start(&device);
}

/* All that was sent since `begin` is lines, and m-ready is the last of them alone. */
static void check_answer(size_t begin) {
    static const char ready[] = "m-ready\r";
    int last = 0;
    for (size_t line = begin; line < sent_size; line++) {
        CHECK(!last);
        begin = line;
        while (sent[line] != '\n') {
            CHECK((sent[line] >= ' ' && sent[line] <= '~') || sent[line + 1U] == '\n');
            line += 1U;
            CHECK(line < sent_size);
        }
        CHECK(line > begin && sent[line - 1U] == '\r');
        last = line - begin == sizeof(ready) - 1U && memcmp(sent + begin, ready, line - begin) == 0;
    }
    CHECK(last);
}

int LLVMFuzzerTestOneInput(const uint8_t *line, size_t size) {
    start();
    check_answer(0);
    for (size_t i = 0; i < size; i++) {
        size_t begin = sent_size;
        mlperf_receive(line[i]);
        if (line[i] == '%') {
            check_answer(begin);
        } else {
            CHECK(sent_size == begin);
        }
    }
    return 0;
}
