/*
 * The adapter of engine tflm: it implements nn.h with the interpreter of TensorFlow Lite for
 * Microcontrollers. Like every application, it uses public classes only.
 */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "tensorflow/lite/micro/debug_log.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/micro/micro_time.h"
#include "tensorflow/lite/schema/schema_generated.h"

extern "C" {
#include "nn.h"
}
#include "network.h"
#if NETWORK_RESOURCES > 0
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#endif

/* The first build determines the arena size by trial. Its own arena is too small for use: the
 * harness points these variables to other memory. */
#ifndef NN_ARENA_SIZE
#define NN_ARENA_SIZE 16
#endif
extern "C" {
alignas(16) uint8_t nn_arena[NN_ARENA_SIZE];
uint8_t *nn_arena_start = nn_arena;
uint32_t nn_arena_bytes = sizeof(nn_arena);
}

namespace {

enum { OTHER_SCHEMA = 1, NO_OPERATOR = 2, NOT_ALLOCATED = 3, NO_TENSOR = 4 };

alignas(Resolver) uint8_t resolver_storage[sizeof(Resolver)];
alignas(tflite::MicroInterpreter) uint8_t interpreter_storage[sizeof(tflite::MicroInterpreter)];
tflite::MicroInterpreter *interpreter;

/* A single tensor stays where the interpreter allocates it; several form one block here. */
nn_tensor_t input, output;
#if NETWORK_INPUTS > 1
alignas(4) uint8_t inputs[NETWORK_INPUT_BYTES];
#endif
#if NETWORK_OUTPUTS > 1
alignas(4) uint8_t outputs[NETWORK_OUTPUT_BYTES];
#endif

#ifdef NN_LAYER_HOOK
/* The interpreter calls its profiler for each operator, in the network's order; those of a subgraph
 * begin and end within the operator that runs it. */
class Layers : public tflite::MicroProfilerInterface {
  public:
    void begin() {
        layer_ = 0;
    }
    uint32_t BeginEvent(const char *) override {
#if NETWORK_SUBGRAPHS > 1
        depth_++;
#endif
        return layer_;
    }
    void EndEvent(uint32_t) override {
#if NETWORK_SUBGRAPHS > 1
        if (--depth_ > 0) {
            return;
        }
#endif
        if (layer_ < NETWORK_LAYERS) {
            NN_LAYER_DONE(layer_);
            layer_++;
        }
    }

  private:
    uint32_t layer_ = 0;
#if NETWORK_SUBGRAPHS > 1
    uint32_t depth_ = 0;
#endif
};

alignas(Layers) uint8_t layers_storage[sizeof(Layers)]; /* its destructor is never called */
Layers *layers;
#define PROFILER layers
#else
#define PROFILER nullptr
#endif

#if NETWORK_INPUTS > 1 || NETWORK_OUTPUTS > 1
uint32_t aligned(uint32_t size) {
    return (size + 3U) & ~3U;
}
#endif

} // namespace

extern "C" int nn_init(void) {
    const tflite::Model *model = tflite::GetModel(network);
    if (model->version() != TFLITE_SCHEMA_VERSION) {
        return OTHER_SCHEMA;
    }
    Resolver *resolver = new (resolver_storage) Resolver();
    if (!add_operators(*resolver)) {
        return NO_OPERATOR;
    }
#ifdef NN_LAYER_HOOK
    layers = new (layers_storage) Layers();
#endif
#if NETWORK_RESOURCES > 0
    tflite::MicroAllocator *allocator =
        tflite::MicroAllocator::Create(nn_arena_start, nn_arena_bytes);
    if (allocator == nullptr) {
        return NOT_ALLOCATED;
    }
    interpreter = new (interpreter_storage) tflite::MicroInterpreter(
        model, *resolver, allocator,
        tflite::MicroResourceVariables::Create(allocator, NETWORK_RESOURCES), PROFILER);
#else
    interpreter = new (interpreter_storage) tflite::MicroInterpreter(
        model, *resolver, nn_arena_start, nn_arena_bytes, nullptr, PROFILER);
#endif
    if (interpreter->AllocateTensors() != kTfLiteOk) {
        return NOT_ALLOCATED;
    }
    if (interpreter->input(0) == nullptr || interpreter->output(0) == nullptr) {
        return NO_TENSOR;
    }
#if NETWORK_INPUTS > 1
    input = {inputs, sizeof(inputs)};
#else
    input = {interpreter->input(0)->data.raw, (uint32_t)interpreter->input(0)->bytes};
#endif
#if NETWORK_OUTPUTS > 1
    output = {outputs, sizeof(outputs)};
#else
    output = {interpreter->output(0)->data.raw, (uint32_t)interpreter->output(0)->bytes};
#endif
    return 0;
}

#if NETWORK_STATE
/* The interpreter's own Reset() does not run CALL_ONCE again, so all begins anew. */
extern "C" int nn_reset(void) {
    interpreter->~MicroInterpreter();
    return nn_init();
}
#endif

extern "C" nn_tensor_t nn_input(void) {
    return input;
}

extern "C" nn_tensor_t nn_output(void) {
    return output;
}

extern "C" uint32_t nn_arena_size(void) {
    return nn_arena_bytes;
}

extern "C" int nn_invoke(void) {
#if NETWORK_INPUTS > 1
    const uint8_t *from = inputs;
    for (size_t i = 0; i < NETWORK_INPUTS; i++) {
        TfLiteTensor *tensor = interpreter->input(i);
        memcpy(tensor->data.raw, from, tensor->bytes);
        from += aligned((uint32_t)tensor->bytes);
    }
#endif
#ifdef NN_LAYER_HOOK
    layers->begin();
#endif
    if (interpreter->Invoke() != kTfLiteOk) {
        return 1;
    }
#if NETWORK_OUTPUTS > 1
    uint8_t *to = outputs;
    for (size_t i = 0; i < NETWORK_OUTPUTS; i++) {
        TfLiteTensor *tensor = interpreter->output(i);
        memcpy(to, tensor->data.raw, tensor->bytes);
        to += aligned((uint32_t)tensor->bytes);
    }
#endif
    return 0;
}

#ifdef NN_LAYER_HOOK
extern "C" nn_tensor_t nn_layer_output(uint32_t layer, uint32_t number) {
    if (layer >= NETWORK_LAYERS || number >= NETWORK_MOST_OUTPUTS) {
        return {nullptr, 0};
    }
    const LayerOutput *found = &layer_outputs[layer][number];
    if (found->size == 0) {
        return {nullptr, 0};
    }
    return {interpreter->GetTensor(found->tensor)->data.raw, found->size};
}

#endif

/* If the library aborts, the fault handler reports the place. The C library's own functions would
 * link a heap, signals and files. Nothing is ever deleted, but virtual functions refer to operator
 * delete. */
void operator delete(void *) noexcept {
}
void operator delete(void *, std::size_t) noexcept {
}
extern "C" {
void __cxa_pure_virtual(void) {
    __builtin_trap();
}
void abort(void) {
    __builtin_trap();
}
void __assert_func(const char *, int, const char *, const char *) {
    __builtin_trap();
}
}

/* The functions that TFLM requires from the application. The trial of the arena size reads its
 * messages from the arguments of DebugLog(); on a device, messages are dropped and cost nothing. */
extern "C" __attribute__((noinline)) void DebugLog(const char *format, va_list args) {
    __asm volatile("" ::"r"(format), "r"(&args));
}

extern "C" int DebugVsnprintf(char *buffer, size_t size, const char *, va_list) {
    if (size > 0) {
        buffer[0] = '\0';
    }
    return 0;
}

namespace tflite {

uint32_t ticks_per_second() {
    return 0; /* there is no clock: the layer hook measures */
}

uint32_t GetCurrentTimeTicks() {
    return 0;
}

} // namespace tflite
