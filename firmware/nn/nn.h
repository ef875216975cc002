/*
 * What an engine defines for one model.
 *
 * The application fills the input, calls nn_invoke(), and reads the output. They
 * live in the engine's arena: the input may be overwritten by nn_invoke(), the
 * output stays valid until the input is written. Several inputs are one block in
 * the model's order, each at the next multiple of 4 bytes; so are outputs.
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

/*
 * nn_invoke() marks the end of each layer by NN_LAYER_DONE(its index). In the image that is
 * measured this is nothing; with NN_LAYER_HOOK it calls what the application defines, and the
 * engine tells where the layer's outputs are.
 */
#ifdef NN_LAYER_HOOK
void nn_layer_done(uint32_t layer);

/* An output of a layer, as it is in nn_layer_done(layer); size 0 where there is none. */
nn_tensor_t nn_layer_output(uint32_t layer, uint32_t output);

#define NN_LAYER_DONE(layer) nn_layer_done(layer)
#else
#define NN_LAYER_DONE(layer) ((void)0)
#endif

#endif
