/*
 * Text to the host, without printf(): words, lines and numbers.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

/* Where all the others send their bytes. */
void put_to(void (*write)(uint8_t byte));

void put_char(char character);
void put(const char *text);
void put_unsigned(uint64_t number);
void put_thousandths(int32_t number); /* -1234 is -1.234 */
void put_hex(uint8_t byte);           /* two digits */

/* Ended by CR and LF. */
void put_line(const char *text);
void put_numbered(const char *before, int32_t number, const char *after);

#endif
