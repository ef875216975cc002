#pragma once
#include <cstdint>

#include "flatbuffers/flatbuffers.h"

static_assert(FLATBUFFERS_VERSION_MAJOR == 1 && FLATBUFFERS_VERSION_MINOR == 2 &&
                  FLATBUFFERS_VERSION_REVISION == 3,
              "another version");

namespace tflite {

struct Model {
    uint32_t version() const {
        return 3;
    }
};

inline const Model *GetModel(const void *data) {
    return static_cast<const Model *>(data);
}

enum BuiltinOperator {
    BuiltinOperator_RESHAPE,
    BuiltinOperator_ASSIGN_VARIABLE,
    BuiltinOperator_VAR_HANDLE,
    BuiltinOperator_SOFTMAX
};

} // namespace tflite
