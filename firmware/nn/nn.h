/*
 * The functions that an engine defines for one model.
 *
 * The application fills the input, calls nn_invoke(), and reads the output. Both are in the
 * engine's arena: nn_invoke() may overwrite the input, and the output stays valid until the
 * application writes the input. If a model has several inputs, they form one block in the
 * model's order, and each starts at the next multiple of 4 bytes. The same holds for outputs.
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

/*
 * Sets what the model keeps from one inference to the next, its state, to the initial value.
 * nn_init() does this, too. Returns 0, or the engine's own error number. It may overwrite input and
 * output. Only an engine that sets NN_STATE in its model.cmake has this function.
 */
int nn_reset(void);

/* Runs one inference. Returns 0, or 1 + the index of the layer that failed. */
int nn_invoke(void);

/* Bytes of RAM that hold activations and scratch buffers. */
uint32_t nn_arena_size(void);

/*
 * nn_invoke() marks the end of each layer with NN_LAYER_DONE(its index). In a measured image the
 * macro does nothing. With NN_LAYER_HOOK it calls a function of the application, and the engine
 * also defines nn_layer_output().
 */
#ifdef NN_LAYER_HOOK
void nn_layer_done(uint32_t layer);

/* Returns an output of a layer, valid during nn_layer_done(layer). Its size is 0 if the layer has
 * no such output. */
nn_tensor_t nn_layer_output(uint32_t layer, uint32_t output);

#define NN_LAYER_DONE(layer) nn_layer_done(layer)
#else
#define NN_LAYER_DONE(layer) ((void)0)
#endif

#endif
