/*
 * What an engine defines for one model.
 *
 * The application fills the input tensor, calls nn_invoke(), and reads the
 * output tensor. Tensors live in the engine's arena: the input may be
 * overwritten by nn_invoke(), the output stays valid until the input is written.
 */
#ifndef NN_H
#define NN_H

#include <stdint.h>

typedef struct {
    void *data;
    uint32_t size; /* bytes */
} nn_tensor_t;

/* Prepares the engine. Returns 0, or the engine's own error number. */
int nn_init(void);

nn_tensor_t nn_input(void);
nn_tensor_t nn_output(void);

/* Runs one inference. Returns 0, or 1 + the index of the layer that failed. */
int nn_invoke(void);

/* Bytes of RAM that hold activations and scratch buffers. */
uint32_t nn_arena_size(void);

#endif
