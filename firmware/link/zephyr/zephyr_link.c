#include "zephyr_link.h"

#include <errno.h>
#include <zephyr/device.h>
#include <zephyr/drivers/uart.h>
#include <zephyr/kernel.h>

#if DT_HAS_CHOSEN(tinyml_link_uart)
#define UART DT_CHOSEN(tinyml_link_uart)
#elif DT_HAS_CHOSEN(zephyr_console)
#define UART DT_CHOSEN(zephyr_console)
#else
#error "the devicetree has no console: choose a UART as tinyml,link-uart in an overlay"
#endif

/* What uses a UART answers to its interrupts, too, or prints between the link's bytes. */
#define IS_FREE_OF(chosen, option)                                                                 \
    BUILD_ASSERT(!DT_SAME_NODE(UART, DT_CHOSEN(chosen)),                                           \
                 "CONFIG_" option " uses the link's UART: set CONFIG_" option                      \
                 "=n, or choose another UART as tinyml,link-uart")
#ifdef CONFIG_UART_CONSOLE
IS_FREE_OF(zephyr_console, "UART_CONSOLE");
#endif
#ifdef CONFIG_SHELL_BACKEND_SERIAL
IS_FREE_OF(zephyr_shell_uart, "SHELL_BACKEND_SERIAL");
#endif
#ifdef CONFIG_UART_MCUMGR
IS_FREE_OF(zephyr_uart_mcumgr, "UART_MCUMGR");
#endif

static const struct device *const uart = DEVICE_DT_GET(UART);
static K_SEM_DEFINE(has_bytes, 0, 1);

static void on_interrupt(const struct device *device, void *user_data) {
    uint8_t byte;
    (void)user_data;
    if (!uart_irq_update(device)) {
        return;
    }
    while (uart_irq_rx_ready(device) > 0 && uart_fifo_read(device, &byte, 1) == 1) {
        link_put(byte);
    }
    k_sem_give(&has_bytes);
}

void link_uart_write(uint8_t byte) {
    uart_poll_out(uart, byte);
}

int link_serve(const link_device_t *device) {
    if (!device_is_ready(uart)) {
        return -ENODEV;
    }
    int status = uart_irq_callback_user_data_set(uart, on_interrupt, NULL);
    if (status != 0) {
        return status;
    }
    uart_irq_rx_enable(uart);
    link_start(device);
    for (;;) {
        if (!link_is_timed()) {
            (void)k_sem_take(&has_bytes, K_FOREVER);
        }
        (void)link_poll();
    }
}
