#include "model.h"

int8_t modelInput[MODEL_INPUTS];
int8_t modelOutput[MODEL_OUTPUTS];

/* Scales: input and output 1/16, weights 1/64; all zero points are 0. So the integer 64 is a
 * weight of 1, and the sum is 64 times the output. */
static const int8_t weights[MODEL_OUTPUTS][MODEL_INPUTS] = {
    {64, -64, 0, 0, 0, 0, 0, 0},
    {0, 0, 64, 64, -64, -64, 0, 0},
    {0, -64, 0, 64, 0, -64, 0, 64},
    {-128, 0, 0, 64, 64, 0, 0, 0},
};
static const int32_t bias[MODEL_OUTPUTS] = {0, 640, -1280, 64};
static const int32_t SUM_OF_UNIT = 64;

static int8_t clamped(int32_t value) {
    return (int8_t)(value < -128 ? -128 : value > 127 ? 127 : value);
}

int modelInvoke() {
    for (int i = 0; i < MODEL_OUTPUTS; i++) {
        int32_t sum = bias[i];
        for (int j = 0; j < MODEL_INPUTS; j++) {
            sum += (int32_t)weights[i][j] * modelInput[j];
        }
        modelOutput[i] = clamped(sum / SUM_OF_UNIT);
    }
    return 0;
}
