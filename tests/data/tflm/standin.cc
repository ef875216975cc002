// The library of the stand-in: STANDIN_BYTES in and out, STANDIN_LAYERS layers, STANDIN_ARENA
// bytes that it needs while it allocates.
#include <cstdarg>
#include <cstring>

#include "tensorflow/lite/micro/debug_log.h"
#include "tensorflow/lite/micro/micro_allocator.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"

namespace tflite {

TFLMRegistration Register_ASSIGN_VARIABLE() {
    return {"ASSIGN_VARIABLE"};
}

TFLMRegistration Register_RESHAPE() {
    return {"RESHAPE"};
}

TFLMRegistration Register_VAR_HANDLE() {
    return {"VAR_HANDLE"};
}

MicroAllocator *MicroAllocator::Create(uint8_t *arena, size_t arena_size) {
    static MicroAllocator only;
    only = {arena, arena_size};
    return &only;
}

MicroResourceVariables *MicroResourceVariables::Create(MicroAllocator *, int most) {
    static MicroResourceVariables only;
    only = {most};
    return &only;
}

static void say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    DebugLog(format, args);
    va_end(args);
}

MicroInterpreter::MicroInterpreter(const Model *, const MicroOpResolver &, uint8_t *arena,
                                   size_t arena_size, MicroResourceVariables *,
                                   MicroProfilerInterface *profiler)
    : arena_(arena), arena_size_(arena_size), profiler_(profiler) {
}

MicroInterpreter::MicroInterpreter(const Model *, const MicroOpResolver &,
                                   MicroAllocator *allocator, MicroResourceVariables *variables,
                                   MicroProfilerInterface *profiler)
    : arena_(allocator->arena), arena_size_(variables->most == 1 ? allocator->arena_size : 0),
      profiler_(profiler) {
}

MicroInterpreter::~MicroInterpreter() {
    arena_size_ = 0;
}

TfLiteStatus MicroInterpreter::AllocateTensors() {
    if (arena_size_ < STANDIN_ARENA) {
        say("%s needs %d bytes of arena, not %u", "the stand-in", (int)STANDIN_ARENA,
            (unsigned)arena_size_);
        return kTfLiteError;
    }
    input_.data.raw = reinterpret_cast<char *>(arena_);
    output_.data.raw = reinterpret_cast<char *>(arena_) + STANDIN_BYTES;
    layer_.data.raw = output_.data.raw;
    input_.bytes = output_.bytes = STANDIN_BYTES;
    return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Invoke() {
    for (unsigned layer = 0; layer < STANDIN_LAYERS; layer++) {
        uint32_t event = profiler_ != nullptr ? profiler_->BeginEvent("RESHAPE") : 0;
        memcpy(output_.data.raw, input_.data.raw, STANDIN_BYTES);
#ifdef STANDIN_WRONG
        output_.data.raw[0] = (char)(output_.data.raw[0] ^ (layer == STANDIN_WRONG));
#endif
        if (profiler_ != nullptr) {
            profiler_->EndEvent(event);
        }
    }
    return kTfLiteOk;
}

TfLiteTensor *MicroInterpreter::input(size_t) {
    return &input_;
}

TfLiteTensor *MicroInterpreter::output(size_t) {
    return &output_;
}

TfLiteEvalTensor *MicroInterpreter::GetTensor(int) {
    return &layer_;
}

size_t MicroInterpreter::arena_used_bytes() const {
    return 2 * STANDIN_BYTES;
}

} // namespace tflite
