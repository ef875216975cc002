#include "link.h"

#include <stdbool.h>
#include <string.h>

#ifdef LINK_BATCH
#include "batch.h"
#endif
#include "frame.h"
#include "message.h"

#define HEADER_SIZE 2U                    /* type, sequence number */
#define FRAME_CAPACITY (LINK_WINDOW / 2U) /* the host has at most two LOADs in transit */

typedef struct {
    const link_device_t *device;
    bool open;   /* HELLO has been received since start */
    uint8_t ran; /* MESSAGE_RUN or MESSAGE_BATCH: the device can repeat its answer; or 0 */
    uint8_t run_sequence;
    link_result_t result; /* of the request with number `run_sequence`, or its last inference */
} session_t;

#ifndef BUILD_ID_BYTES
#define BUILD_ID_BYTES 0
#endif

#if defined(__GNUC__)
__attribute__((used)) /* keeps the symbol under link-time optimization */
#endif
const uint8_t link_build_id[LINK_BUILD_ID_SIZE] = {BUILD_ID_BYTES};

static frame_encoder_t encoder;
static frame_decoder_t decoder;
static uint8_t received[FRAME_CAPACITY];
static session_t current;

static uint32_t get_u32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void begin(void (*write)(uint8_t byte), uint8_t type, uint8_t sequence) {
    frame_begin(&encoder, write);
    frame_put_u8(&encoder, type);
    frame_put_u8(&encoder, sequence);
}

static void send_empty(const link_device_t *device, uint8_t type, uint8_t sequence) {
    begin(device->write, type, sequence);
    frame_end(&encoder);
}

static void send_error(const link_device_t *device, uint8_t sequence, uint8_t code,
                       uint32_t detail) {
    begin(device->write, MESSAGE_ERROR, sequence);
    frame_put_u8(&encoder, code);
    frame_put_u32(&encoder, detail);
    frame_end(&encoder);
}

static void send_welcome(const link_device_t *device, uint8_t sequence, uint32_t nonce) {
    begin(device->write, MESSAGE_WELCOME, sequence);
    frame_put_u8(&encoder, LINK_VERSION);
    frame_put_u32(&encoder, nonce);
    /* Volatile: the ID in flash may differ from the one that the compiler saw. */
    const volatile uint8_t *build_id = device->build_id;
    for (uint32_t i = 0; i < LINK_BUILD_ID_SIZE; i++) {
        frame_put_u8(&encoder, build_id[i]);
    }
    frame_put_u32(&encoder, LINK_WINDOW);
    /* A debugger may write the input here. On the cores that have one, addresses have 32 bits. */
    frame_put_u32(&encoder, (uint32_t)(uintptr_t)device->input);
    frame_put_u32(&encoder, device->input_size);
    frame_put_u32(&encoder, device->output_size);
    frame_put_u32(&encoder, device->arena_size);
    frame_put_u32(&encoder, device->stack_size);
    frame_put_u32(&encoder, device->counter_overhead);
    frame_put_u32(&encoder, device->coarse_ticks);
    frame_put_u32(&encoder, (uint32_t)device->engine_status);
    frame_put(&encoder, device->counter, (uint32_t)strlen(device->counter));
    frame_end(&encoder);
}

static void send_result(const session_t *session) {
    const link_device_t *device = session->device;
    const link_result_t *result = &session->result;
    if (result->status != 0) {
        send_error(device, session->run_sequence, ERROR_ENGINE, (uint32_t)result->status);
        return;
    }
    begin(device->write, MESSAGE_RESULT, session->run_sequence);
    frame_put_u32(&encoder, result->ticks);
    frame_put_u32(&encoder, result->coarse);
    frame_put_u32(&encoder, result->stack);
    frame_put_u32(&encoder, result->disturbed);
    frame_put(&encoder, device->output, device->output_size);
    frame_end(&encoder);
}

static void handle_load(session_t *session, uint8_t sequence, const uint8_t *body, uint32_t size) {
    const link_device_t *device = session->device;
    if (size <= sizeof(uint32_t)) {
        send_error(device, sequence, ERROR_LENGTH, size);
        return;
    }
    uint32_t offset = get_u32(body);
    uint32_t count = size - (uint32_t)sizeof(uint32_t);
    if (offset > device->input_size || count > device->input_size - offset) {
        send_error(device, sequence, ERROR_RANGE, device->input_size);
        return;
    }
    memcpy((uint8_t *)device->input + offset, body + sizeof(uint32_t), count);
    session->ran = 0; /* the input may share memory with the output */
    send_empty(device, MESSAGE_ACK, sequence);
}

/* Returns whether the device can do what RUN or BATCH asks for; sends an error if not. */
static bool is_ready(const session_t *session, uint8_t type, uint8_t sequence, uint32_t word) {
    const link_device_t *device = session->device;
#ifdef LINK_BATCH
    if (type == MESSAGE_BATCH) {
        uint32_t most = batch_capacity(device);
        bool fits = word > 0U && word <= most;
        if (!fits) {
            send_error(device, sequence, ERROR_RANGE, most);
        }
        return fits;
    }
#else
    (void)type;
#endif
    uint32_t crc = frame_crc(device->input, device->input_size);
    if (crc != word) {
        send_error(device, sequence, ERROR_INPUT, crc);
    }
    return crc == word;
}

/* Runs the model on the loaded input, or with BATCH on each input in the queue. It is one function
 * for both, so that both use the same depth of the stack. */
static void handle_run(session_t *session, uint8_t type, uint8_t sequence, const uint8_t *body) {
    const link_device_t *device = session->device;
    /* A repeated request asks for a result that was lost. The inference is not run again, because
     * the first one may have overwritten the input. */
    bool again = session->ran == type && session->run_sequence == sequence;
    uint32_t word = get_u32(body);
    if (!again && !is_ready(session, type, sequence, word)) {
        return;
    }
    send_empty(device, MESSAGE_ACK, sequence);
#ifdef LINK_BATCH
    if (!again && type == MESSAGE_BATCH) {
        batch_done = 0;
    }
#endif
    for (bool more = !again; more;) {
        more = false;
#ifdef LINK_BATCH
        uint32_t crc;
        if (type == MESSAGE_BATCH && !batch_take(device, &crc)) {
            session->ran = 0;
            send_error(device, sequence, ERROR_INPUT, crc);
            return;
        }
#endif
        session->result = device->run();
        session->run_sequence = sequence;
        session->ran = type;
#ifdef LINK_BATCH
        bool in_batch = type == MESSAGE_BATCH && session->result.status == 0;
        more = in_batch && batch_done + 1U < word;
        if (!more) {
            session->result.stack = device->stack_used();
        }
        if (in_batch) {
            batch_put(device, &session->result);
        }
#endif
    }
#ifdef LINK_BATCH
    if (type == MESSAGE_BATCH && session->result.status == 0) {
        begin(device->write, MESSAGE_BATCHED, sequence);
        frame_put_u32(&encoder, batch_done);
        frame_end(&encoder);
        return;
    }
#endif
    send_result(session);
}

static void handle_clock(const session_t *session, uint8_t sequence, uint32_t size) {
    const link_device_t *device = session->device;
    if (device->count == NULL) {
        send_error(device, sequence, ERROR_UNKNOWN, MESSAGE_CLOCK);
    } else if (size != 0U) {
        send_error(device, sequence, ERROR_LENGTH, size);
    } else if (!session->open) {
        send_error(device, sequence, ERROR_NO_SESSION, 0);
    } else {
        uint32_t ticks = device->count();
        begin(device->write, MESSAGE_COUNT, sequence);
        frame_put_u32(&encoder, ticks);
        frame_end(&encoder);
    }
}

#ifdef LINK_STATE
/* To do it twice is harmless: only a RUN changes the state. */
static void handle_reset(session_t *session, uint8_t sequence, uint32_t size) {
    if (size != 0U) {
        send_error(session->device, sequence, ERROR_LENGTH, size);
    } else if (!session->open) {
        send_error(session->device, sequence, ERROR_NO_SESSION, 0);
    } else {
        session->ran = 0; /* the state may share memory with the output */
        int status = session->device->reset();
        if (status != 0) {
            send_error(session->device, sequence, ERROR_ENGINE, (uint32_t)status);
        } else {
            send_empty(session->device, MESSAGE_ACK, sequence);
        }
    }
}
#endif

#ifdef LINK_TRACE
#define TRACE_SIZE 8U

static struct {
    void (*write)(uint8_t byte); /* NULL unless the device is answering TRACE */
    uint8_t sequence;
    uint32_t layer; /* the layer whose output is sent */
} trace;

void link_layer(uint32_t layer, uint32_t output, const void *data, uint32_t size) {
    if (trace.write == NULL) {
        return;
    }
    begin(trace.write, MESSAGE_LAYER, trace.sequence);
    frame_put_u32(&encoder, layer);
    frame_put_u32(&encoder, output);
    frame_put_u32(&encoder, size);
    frame_put_u32(&encoder, frame_crc(data, size));
    if (layer == trace.layer) {
        frame_put(&encoder, data, size);
    }
    frame_end(&encoder);
}

/* TRACE is a RUN that sends data during the inference. Its measurements are not usable. */
static void handle_trace(session_t *session, uint8_t sequence, const uint8_t *body, uint32_t size) {
    if (size != TRACE_SIZE) {
        send_error(session->device, sequence, ERROR_LENGTH, size);
    } else if (!session->open) {
        send_error(session->device, sequence, ERROR_NO_SESSION, 0);
    } else {
        trace.write = session->device->write;
        trace.sequence = sequence;
        trace.layer = get_u32(body + sizeof(uint32_t));
        handle_run(session, MESSAGE_RUN, sequence, body);
        trace.write = NULL;
    }
}
#endif

#ifdef LINK_PROFILE
static void handle_profile(const session_t *session, uint8_t sequence, uint32_t size) {
    const link_device_t *device = session->device;
    if (size != 0U) {
        send_error(device, sequence, ERROR_LENGTH, size);
    } else if (!session->ran) {
        send_error(device, sequence, ERROR_NO_SESSION, 0);
    } else {
        begin(device->write, MESSAGE_TICKS, sequence);
        for (uint32_t i = 0; i < device->profile_size / sizeof(uint32_t); i++) {
            frame_put_u32(&encoder, device->profile[i]);
        }
        frame_end(&encoder);
    }
}
#endif

static void handle(session_t *session, const uint8_t *frame, uint32_t length) {
    if (length < HEADER_SIZE) {
        send_error(session->device, 0, ERROR_LENGTH, length);
        return;
    }
    uint8_t type = frame[0];
    uint8_t sequence = frame[1];
    const uint8_t *body = frame + HEADER_SIZE;
    uint32_t size = length - HEADER_SIZE;
#ifdef LINK_TRACE
    if (type == MESSAGE_TRACE) {
        handle_trace(session, sequence, body, size);
        return;
    }
#endif
#ifdef LINK_STATE
    if (type == MESSAGE_RESET) {
        handle_reset(session, sequence, size);
        return;
    }
#endif
#ifdef LINK_PROFILE
    if (type == MESSAGE_PROFILE) {
        handle_profile(session, sequence, size);
        return;
    }
#endif
    bool is_run = type == MESSAGE_RUN;
#ifdef LINK_BATCH
    is_run = is_run || type == MESSAGE_BATCH;
#endif
    if (type == MESSAGE_CLOCK) {
        handle_clock(session, sequence, size);
    } else if (type == MESSAGE_HELLO && size == sizeof(uint32_t)) {
        session->open = true;
        session->ran = 0;
        send_welcome(session->device, sequence, get_u32(body));
    } else if (type == MESSAGE_HELLO || (is_run && size != sizeof(uint32_t))) {
        send_error(session->device, sequence, ERROR_LENGTH, size);
    } else if (type != MESSAGE_LOAD && !is_run) {
        send_error(session->device, sequence, ERROR_UNKNOWN, type);
    } else if (!session->open) {
        send_error(session->device, sequence, ERROR_NO_SESSION, 0);
    } else if (type == MESSAGE_LOAD) {
        handle_load(session, sequence, body, size);
    } else {
        handle_run(session, type, sequence, body);
    }
}

void link_start(const link_device_t *device) {
    frame_decoder_init(&decoder, received, sizeof(received));
    current = (session_t){.device = device};
    device->write(0U); /* ends a frame that a reset cut short */
    send_empty(device, MESSAGE_BOOT, 0);
}

void link_receive(uint8_t byte) {
    if (current.device == NULL) {
        return; /* a user's firmware may receive bytes before link_start() */
    }
    frame_status_t status = frame_decode(&decoder, byte);
    if (status == FRAME_READY) {
        handle(&current, received, decoder.length);
    } else if (status == FRAME_BAD) {
        send_error(current.device, 0, ERROR_BAD_FRAME, 0);
    }
}

void link_log(const char *text) {
    if (current.device == NULL) {
        return;
    }
    begin(current.device->write, MESSAGE_LOG, 0);
    frame_put(&encoder, text, (uint32_t)strlen(text));
    frame_end(&encoder);
}

void link_fault(void (*write)(uint8_t byte), const uint32_t words[LINK_FAULT_WORDS]) {
    write(0U); /* ends the frame that the fault cut short */
    begin(write, MESSAGE_FAULT, 0);
    for (uint32_t i = 0; i < LINK_FAULT_WORDS; i++) {
        frame_put_u32(&encoder, words[i]);
    }
    frame_end(&encoder);
}
