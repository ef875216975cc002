/*
 * What the firmware and CMSIS-NN use of <string.h>, for a compiler without a C library.
 * compiler-rt defines the functions that work on memory, string.c the rest.
 */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);

/* A freestanding compiler takes the names for anybody's functions: only so does it
 * know that copying four bytes is a load and a store, on which CMSIS-NN relies. */
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

#endif
