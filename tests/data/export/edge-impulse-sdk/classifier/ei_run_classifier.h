/*
 * A stand-in for tests: an impulse of three stages, which reads its timer where a real one does,
 * and in places between.
 */
#ifndef EI_RUN_CLASSIFIER_H
#define EI_RUN_CLASSIFIER_H

#include <math.h>

#include "edge-impulse-sdk/classifier/ei_classifier_types.h"
#include "edge-impulse-sdk/dsp/loudest.h"
#include "edge-impulse-sdk/porting/ei_classifier_porting.h"
#include "model-parameters/model_variables.h"

void trained_model_invoke(const float *features, float *scores);

/* Set by a constructor: main() comes too early where those are not run. */
struct constructed_t {
    float scale;
    __attribute__((noinline)) constructed_t(volatile float *value) : scale(*value) {
    }
};
static volatile float one = 1.0f;
static constructed_t constructed(&one);

inline void run_classifier_init() {
}

inline EI_IMPULSE_ERROR run_classifier(signal_t *signal, ei_impulse_result_t *result, bool) {
    uint64_t start = ei_read_timer_us();
    float *raw = (float *)ei_malloc(signal->total_length * sizeof(float));
    if (raw == nullptr || signal->get_data(0, signal->total_length, raw) != 0) {
        return EI_IMPULSE_DSP_ERROR;
    }
    float features[EI_CLASSIFIER_NN_INPUT_FRAME_SIZE] = {0.0f, 0.0f};
    for (size_t i = 0; i < signal->total_length; i++) {
        features[0] += raw[i] * constructed.scale / (float)signal->total_length;
    }
    features[1] = standin::loudest(raw, signal->total_length);
    ei_free(raw);
    (void)ei_read_timer_us();
    if (features[1] > 1000.0f) {
        ei_printf("ERR: %d is too loud\n", (int)features[1]);
        return EI_IMPULSE_DSP_ERROR;
    }
    result->timing.dsp_us = (int64_t)(ei_read_timer_us() - start);

    float scores[EI_CLASSIFIER_LABEL_COUNT];
    (void)ei_read_timer_us();
    start = ei_read_timer_us();
    trained_model_invoke(features, scores);
    result->timing.classification_us = (int64_t)(ei_read_timer_us() - start);

    start = ei_read_timer_us();
    for (size_t label = 0; label < EI_CLASSIFIER_LABEL_COUNT; label++) {
        result->classification[label].label = ei_classifier_inferencing_categories[label];
        result->classification[label].value = scores[label];
    }
    result->anomaly = features[1] / 4.0f;
    result->timing.anomaly_us = (int64_t)(ei_read_timer_us() - start);
    return EI_IMPULSE_OK;
}

#endif
