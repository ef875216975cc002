#pragma once
#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/schema/schema_generated.h"

#define TFLITE_SCHEMA_VERSION (3)

enum TfLiteStatus { kTfLiteOk, kTfLiteError };

struct TfLiteTensor {
    union {
        char *raw;
    } data;
    size_t bytes;
};

struct TfLiteEvalTensor {
    union {
        char *raw;
    } data;
};

namespace tflite {

class MicroOpResolver {};
class MicroAllocator;
class MicroResourceVariables;

// Copies its input to its output, in as many layers as STANDIN_LAYERS says.
class MicroInterpreter {
  public:
    MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena,
                     size_t arena_size, MicroResourceVariables *variables,
                     MicroProfilerInterface *profiler);
    MicroInterpreter(const Model *model, const MicroOpResolver &resolver, MicroAllocator *allocator,
                     MicroResourceVariables *variables, MicroProfilerInterface *profiler);
    ~MicroInterpreter();
    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteTensor *input(size_t index);
    TfLiteTensor *output(size_t index);
    TfLiteEvalTensor *GetTensor(int index);
    size_t arena_used_bytes() const;

  private:
    uint8_t *arena_;
    size_t arena_size_;
    MicroProfilerInterface *profiler_;
    TfLiteTensor input_;
    TfLiteTensor output_;
    TfLiteEvalTensor layer_;
};

} // namespace tflite
