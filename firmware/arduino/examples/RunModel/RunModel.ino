/*
 * A model behind tinyml-harness, on the pins TX and RX.
 *
 *     harness run --target=arduino-nano-33-ble-sketch --model=models/edges --sketch=RunModel
 *
 * To test your own model, take its input, output and invoke function instead of model.h's.
 */
#include <TinyMLHarness.h>

#include "model.h"

static const TinyMLModel model = {modelInput,          sizeof(modelInput), modelOutput,
                                  sizeof(modelOutput), modelInvoke,        0};

void setup() {
    Serial1.begin(115200);
    TinyMLHarness.begin(Serial1, model);
}

void loop() {
    TinyMLHarness.poll();
}
