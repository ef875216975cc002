#include "mlperf.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "text.h"

#define TERMINATOR '%'
#define DELIMITER ' '
#define PRINTED_A_LINE 8U
#define DEFAULT_ITERATIONS 1
#define DEFAULT_WARMUPS 10

static struct {
    const mlperf_device_t *device;
    char command[MLPERF_COMMAND_SIZE + 1U];
    uint32_t length; /* characters received, including those that do not fit and are dropped */
    uint32_t wanted; /* bytes that `db load` announced */
    uint32_t loaded; /* bytes received of them */
    bool inferred;   /* results of an inference are available */
} session;

static void put_named(const char *before, const char *name) {
    put(before);
    put(name);
    put_line("]");
}

/* Returns the next word of the command, or NULL at its end. */
static char *next_word(char **rest) {
    char *word = *rest;
    while (*word == DELIMITER) {
        word++;
    }
    char *end = word;
    while (*end != '\0' && *end != DELIMITER) {
        end++;
    }
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return end == word ? NULL : word;
}

/* Like atoi(), returns 0 if `word` is not a number. Numbers that are too large give INT32_MAX. */
static int32_t number_of(const char *word) {
    bool negative = *word == '-';
    int64_t number = 0;
    for (word += negative || *word == '+'; *word >= '0' && *word <= '9'; word++) {
        number = 10 * number + (*word - '0');
        number = number < INT32_MAX ? number : INT32_MAX;
    }
    return (int32_t)(negative ? -number : number);
}

/* Returns 0 to 15, or -1 if `digit` is not a hex digit. */
static int nibble(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static void timestamp(void) {
    const mlperf_device_t *device = session.device;
    if (device->edge != NULL) {
        device->edge();
        return;
    }
    uint64_t now = device->microseconds();
    put("m-lap-us-");
    put_unsigned(now);
    put_line("");
}

static void name(char *arguments) {
    (void)arguments;
    put_named("m-name-dut-[", session.device->vendor);
}

static void profile(char *arguments) {
    (void)arguments;
    put_line("m-profile-[ULPMark for tinyML Firmware V0.0.1]"); /* the runners expect this text */
    put_named("m-model-[", session.device->model);
}

static void stamp(char *arguments) {
    (void)arguments;
    timestamp();
}

static void help(char *arguments) {
    (void)arguments;
    put_line("name, profile     who this is, and which model it runs");
    put_line("timestamp         microseconds, or a falling edge in energy mode");
    put_line("db load N         expect an input of N bytes");
    put_line("db HH...          the next bytes of it, in hex");
    put_line("db print          the bytes that are there");
    put_line("infer [N=1 W=10]  W warm-up inferences, then N between two timestamps");
    put_line("results           those of the last inference");
}

static void load_announced(char *word) {
    if (word == NULL) {
        put_line("e-[Command 'db load' requires the # of bytes]");
        return;
    }
    int32_t size = number_of(word);
    session.wanted = 0;
    session.loaded = 0;
    if (size <= 0) {
        put_line("e-[Command 'db load' must be >0 bytes]");
    } else if ((uint32_t)size > session.device->input_size) {
        put_numbered("e-[Supplied buffer size ", size, " exceeds the input's]");
    } else {
        session.wanted = (uint32_t)size;
        put_numbered("m-[Expecting ", size, " bytes]");
    }
}

static void print_loaded(void) {
    for (uint32_t i = 0; i < session.loaded; i++) {
        put(i % PRINTED_A_LINE == 0U ? "m-buffer-" : "-");
        put_hex(session.device->input[i]);
        if (i % PRINTED_A_LINE == PRINTED_A_LINE - 1U || i + 1U == session.loaded) {
            put_line("");
        }
    }
}

/* Accepts all the bytes, or none if one of them is invalid. */
static void load_bytes(const char *digits) {
    size_t count = strlen(digits);
    if (count % 2U != 0U) {
        put_line("e-[Insufficent number of hex digits]"); /* the protocol's spelling */
        return;
    }
    for (size_t i = 0; i < count; i += 2U) {
        if (nibble(digits[i]) < 0 || nibble(digits[i + 1U]) < 0) {
            put("e-[Invalid hex digit '");
            put_char(digits[i]);
            put_char(digits[i + 1U]);
            put_line("']");
            return;
        }
    }
    if (session.loaded == session.wanted) {
        put_line("e-[Command 'db' expects no bytes: 'db load' comes first]");
        return;
    }
    for (size_t i = 0; i < count && session.loaded < session.wanted; i += 2U) {
        int byte = nibble(digits[i]) << 4 | nibble(digits[i + 1U]);
        session.device->input[session.loaded++] = (uint8_t)byte;
    }
    if (session.loaded == session.wanted) {
        put_line("m-load-done");
    }
}

static void db(char *arguments) {
    char *word = next_word(&arguments);
    if (word == NULL) {
        put_line("e-[Command 'db' requires a subcommand]");
    } else if (strcmp(word, "load") == 0) {
        load_announced(next_word(&arguments));
    } else if (strcmp(word, "print") == 0) {
        print_loaded();
    } else {
        load_bytes(word);
    }
}

static void results(char *arguments) {
    (void)arguments;
    if (!session.inferred) {
        put_line("e-[There are no results: 'infer' comes first]");
        return;
    }
    put("m-results-[");
    for (uint32_t i = 0; i < session.device->results; i++) {
        put(i == 0U ? "" : ",");
        put_thousandths(session.device->result(i));
    }
    put_line("]");
}

/* Reports the engine's error, if there is one. Returns whether there is none. */
static bool works(int32_t status) {
    if (status != 0) {
        put_numbered("e-[The engine failed: status ", status, "]");
    }
    return status == 0;
}

static bool run(int32_t inferences) {
    for (; inferences > 0; inferences--) {
        int32_t status = session.device->infer();
        if (status != 0) {
            return works(status);
        }
    }
    return true;
}

static void run_series(int32_t iterations, int32_t warmups) {
    session.inferred = false;
    if (!works(session.device->load())) {
        return;
    }
    put_numbered("m-warmup-start-", warmups, "");
    if (!run(warmups)) {
        return;
    }
    put_line("m-warmup-done");
    put_numbered("m-infer-start-", iterations, "");
    timestamp();
    if (!run(iterations)) {
        return;
    }
    timestamp();
    put_line("m-infer-done");
    session.inferred = true;
    results(NULL);
}

static void infer(char *arguments) {
    const char *first = next_word(&arguments);
    const char *second = next_word(&arguments);
    int32_t iterations = first == NULL ? DEFAULT_ITERATIONS : number_of(first);
    int32_t warmups = second == NULL ? DEFAULT_WARMUPS : number_of(second);
    if (iterations <= 0) {
        put_line("e-[Inference iterations must be >0]");
    } else if (warmups < 0) {
        put_line("e-[Inference warmup must be >=0]");
    } else if (session.loaded != session.device->input_size) {
        put("e-[The input has ");
        put_unsigned(session.loaded);
        put(" of ");
        put_unsigned(session.device->input_size);
        put_line(" bytes]");
    } else {
        run_series(iterations, warmups);
    }
}

static const struct {
    const char *name;
    void (*answer)(char *arguments);
} commands[] = {
    {"name", name}, {"timestamp", stamp}, {"profile", profile}, {"help", help},
    {"db", db},     {"infer", infer},     {"results", results},
};

static void answer(void) {
    char *rest = session.command;
    const char *word = next_word(&rest);
    for (uint32_t i = 0; word != NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(word, commands[i].name) == 0) {
            commands[i].answer(rest);
            return;
        }
    }
    put_named("e-[Unknown command: ", word == NULL ? "" : word);
}

void mlperf_start(const mlperf_device_t *device) {
    memset(&session, 0, sizeof(session));
    session.device = device;
    put_to(device->write);
    put_line(device->edge == NULL ? "m-timestamp-mode-performance" : "m-timestamp-mode-energy");
    timestamp();
    put_line("m-init-done");
    put_line("m-ready");
}

/* Characters that cannot be part of a command are ignored: line ends that a person types, and noise
 * after a reset. */
void mlperf_receive(uint8_t byte) {
    if (byte < ' ' || byte > '~') {
        return;
    }
    if (byte != TERMINATOR) {
        if (session.length < MLPERF_COMMAND_SIZE) {
            session.command[session.length] = (char)byte;
        }
        session.length += session.length <= MLPERF_COMMAND_SIZE;
        return;
    }
    if (session.length > MLPERF_COMMAND_SIZE) {
        put_line("e-[Command longer than 80 characters]");
    } else {
        session.command[session.length] = '\0';
        answer();
    }
    session.length = 0;
    put_line("m-ready");
}
