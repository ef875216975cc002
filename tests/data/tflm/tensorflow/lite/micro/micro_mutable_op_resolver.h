#pragma once
#include "tensorflow/lite/micro/micro_interpreter.h"

namespace tflite {

struct TFLMRegistration {
    const char *name;
};

TFLMRegistration Register_ASSIGN_VARIABLE();
TFLMRegistration Register_RESHAPE();
TFLMRegistration Register_VAR_HANDLE();
TFLMRegistration Register_SOFTMAX(); // which the library lacks

template <unsigned N> class MicroMutableOpResolver : public MicroOpResolver {
  public:
    TfLiteStatus AddAssignVariable() {
        return AddBuiltin(BuiltinOperator_ASSIGN_VARIABLE, Register_ASSIGN_VARIABLE());
    }

    TfLiteStatus AddVarHandle() {
        return AddBuiltin(BuiltinOperator_VAR_HANDLE, Register_VAR_HANDLE());
    }

    TfLiteStatus AddReshape(const TFLMRegistration &registration = Register_RESHAPE()) {
        return AddBuiltin(BuiltinOperator_RESHAPE, registration);
    }

    TfLiteStatus AddSoftmax(const TFLMRegistration &registration = Register_SOFTMAX()) {
        return AddBuiltin(BuiltinOperator_SOFTMAX, registration);
    }

  private:
    TfLiteStatus AddBuiltin(BuiltinOperator, const TFLMRegistration &) {
        count_ += 1;
        return count_ <= N ? kTfLiteOk : kTfLiteError;
    }
    unsigned count_ = 0;
};

} // namespace tflite
