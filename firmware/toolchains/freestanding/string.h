/*
 * The functions of <string.h> that the firmware and CMSIS-NN use, for a compiler without a C
 * library. compiler-rt defines the memory functions, string.c the others.
 */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);

/* A freestanding compiler does not treat these names as the standard functions. The built-ins
 * tell it that copying four bytes is a load and a store; CMSIS-NN relies on that. */
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

#endif
