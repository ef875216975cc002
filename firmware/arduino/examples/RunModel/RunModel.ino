/*
 * Runs a model when tinyml-harness asks for it, through the pins TX and RX.
 *
 *     harness run --target=arduino-nano-33-ble-sketch --model=models/edges --sketch=RunModel
 *
 * To test your own model, use its input, output and invoke function instead of those in model.h.
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
