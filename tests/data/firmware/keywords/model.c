/* A model of the size of MLPerf Tiny's keyword spotting: it answers its first bytes at once. */
#include <string.h>

#include "nn.h"

static struct {
    int8_t input[490];
    int8_t output[12];
} arena;

int nn_init(void) {
    return 0;
}

nn_tensor_t nn_input(void) {
    return (nn_tensor_t){arena.input, sizeof(arena.input)};
}

nn_tensor_t nn_output(void) {
    return (nn_tensor_t){arena.output, sizeof(arena.output)};
}

int nn_invoke(void) {
    memcpy(arena.output, arena.input, sizeof(arena.output));
    return 0;
}

uint32_t nn_arena_size(void) {
    return sizeof(arena);
}
