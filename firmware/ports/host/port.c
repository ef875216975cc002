#include "port.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint8_t sent[4096];
static uint32_t sent_count;
static uint32_t received;

void port_init(void) {
}

static void flush(void) {
    uint32_t done = 0;
    while (done < sent_count) {
        ssize_t count = write(STDOUT_FILENO, sent + done, sent_count - done);
        if (count <= 0) {
            exit(EXIT_SUCCESS); /* the other side has closed the line */
        }
        done += (uint32_t)count;
    }
    sent_count = 0;
}

uint8_t port_read(void) {
    static uint8_t buffer[4096];
    static ssize_t count, next;
    if (next == count) {
        flush(); /* a device sends each byte at once; here it is enough to send before waiting */
        count = read(STDIN_FILENO, buffer, sizeof(buffer));
        next = 0;
        if (count <= 0) {
            exit(EXIT_SUCCESS);
        }
    }
    received += 1U;
    return buffer[next++];
}

void port_stay_awake(int awake) {
    (void)awake; /* this clock never stands still */
}

void port_restart(void) {
}

void port_settle(void) {
}

uint32_t port_received(void) {
    return received;
}

void port_write(uint8_t byte) {
    if (sent_count == sizeof(sent)) {
        flush();
    }
    sent[sent_count++] = byte;
}

static uint64_t nanoseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

uint32_t port_ticks(void) {
    return (uint32_t)nanoseconds();
}

/* In units of 2^20 ns, about a millisecond. */
uint32_t port_coarse(void) {
    return (uint32_t)(nanoseconds() >> 20);
}

const char *port_counter(void) {
    return "host";
}

void port_trigger(int high) {
    (void)high;
}

uint32_t port_stack_used(void) {
    return 0;
}

uint32_t port_stack_size(void) {
    return 0;
}
