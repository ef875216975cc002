#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>

#define K_FOREVER 0
#define K_SEM_DEFINE(name, start, most) struct k_sem name = {start, most}

struct k_sem {
    volatile uint32_t count;
    uint32_t limit;
};

void k_sem_give(struct k_sem *semaphore);
int k_sem_take(struct k_sem *semaphore, int timeout);

#endif
