/* A stand-in for Zephyr: the names of its 4.2 API that firmware/link/zephyr uses. Its devicetree
 * are the macros here. A test chooses nodes with -DNODE_<name>=<number> -DHAS_<name>=1. */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef NO_CONSOLE
#define NODE_zephyr_console 1 /* USART1 */
#define HAS_zephyr_console 1
#endif
#define DT_HAS_CHOSEN(name) HAS_##name
#define DT_CHOSEN(name) NODE_##name
#define DT_SAME_NODE(one, other) ((one) == (other))
#define DEVICE_DT_GET(node) (&devices[node])
#define BUILD_ASSERT(condition, text) _Static_assert(condition, text)

struct device {
    bool is_ready;
};

extern const struct device devices[3];

static inline bool device_is_ready(const struct device *device) {
    return device->is_ready;
}

#endif
