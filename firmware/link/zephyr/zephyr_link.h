/*
 * The link over a UART of Zephyr: that of the chosen node tinyml,link-uart, or else of
 * zephyr,console.
 */
#ifndef ZEPHYR_LINK_H
#define ZEPHYR_LINK_H

#include "link.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sends a byte: `write` of a device. */
void link_uart_write(uint8_t byte);

/* Starts the link and answers the host. Returns only if the UART is not ready, with -ENODEV, or
 * cannot receive by interrupt, with another error. Call it at the end of main(), or in a thread. */
int link_serve(const link_device_t *device);

#ifdef __cplusplus
}
#endif

#endif
