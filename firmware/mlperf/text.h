/*
 * Sends text to the host without printf(): words, lines and numbers.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

/* Sets the function that sends the bytes of all the others. */
void put_to(void (*write)(uint8_t byte));

void put_char(char character);
void put(const char *text);
void put_unsigned(uint64_t number);
void put_thousandths(int32_t number); /* -1234 prints as -1.234 */
void put_hex(uint8_t byte);           /* two digits */

/* These end the line with CR and LF. */
void put_line(const char *text);
void put_numbered(const char *before, int32_t number, const char *after);

#endif
