#include "text.h"

static void (*write_byte)(uint8_t byte);

void put_to(void (*write)(uint8_t byte)) {
    write_byte = write;
}

void put_char(char character) {
    write_byte((uint8_t)character);
}

void put(const char *text) {
    while (*text != '\0') {
        put_char(*text++);
    }
}

void put_unsigned(uint64_t number) {
    char digits[20]; /* 2^64 - 1 has 20 digits */
    uint32_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10U);
        number /= 10U;
    } while (number != 0U);
    while (count > 0U) {
        put_char(digits[--count]);
    }
}

/* Returns the number without its sign. */
static uint32_t put_sign(int32_t number) {
    if (number < 0) {
        put_char('-');
    }
    return number < 0 ? 0U - (uint32_t)number : (uint32_t)number;
}

void put_thousandths(int32_t number) {
    uint32_t magnitude = put_sign(number);
    uint32_t fraction = magnitude % 1000U;
    put_unsigned(magnitude / 1000U);
    put_char('.');
    put_char((char)('0' + fraction / 100U));
    put_char((char)('0' + fraction / 10U % 10U));
    put_char((char)('0' + fraction % 10U));
}

void put_hex(uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    put_char(digits[byte >> 4]);
    put_char(digits[byte & 0xFU]);
}

void put_line(const char *text) {
    put(text);
    put("\r\n");
}

void put_numbered(const char *before, int32_t number, const char *after) {
    put(before);
    put_unsigned(put_sign(number));
    put_line(after);
}
