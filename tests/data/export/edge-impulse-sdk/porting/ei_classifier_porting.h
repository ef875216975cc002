/*
 * A stand-in for tests: what an SDK asks of its platform.
 */
#ifndef EI_CLASSIFIER_PORTING_H
#define EI_CLASSIFIER_PORTING_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    EI_IMPULSE_OK = 0,
    EI_IMPULSE_DSP_ERROR = -5,
    EI_IMPULSE_CANCELED = -4
} EI_IMPULSE_ERROR;

EI_IMPULSE_ERROR ei_sleep(int32_t time_ms);
EI_IMPULSE_ERROR ei_run_impulse_check_canceled();
uint64_t ei_read_timer_ms();
uint64_t ei_read_timer_us();
void ei_printf(const char *format, ...);
void ei_printf_float(float f);
void *ei_malloc(size_t size);
void *ei_calloc(size_t nitems, size_t size);
void ei_free(void *ptr);

#endif
