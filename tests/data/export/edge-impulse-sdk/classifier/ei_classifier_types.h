/*
 * A stand-in for tests: what run_classifier() takes and answers.
 */
#ifndef EI_CLASSIFIER_TYPES_H
#define EI_CLASSIFIER_TYPES_H

#include <functional>

#include "model-parameters/model_metadata.h"

typedef struct {
    std::function<int(size_t offset, size_t length, float *out)> get_data;
    size_t total_length;
} signal_t;

typedef struct {
    const char *label;
    float value;
} ei_impulse_result_classification_t;

typedef struct {
    int64_t dsp_us;
    int64_t classification_us;
    int64_t anomaly_us;
} ei_impulse_result_timing_t;

typedef struct {
    ei_impulse_result_classification_t classification[EI_CLASSIFIER_LABEL_COUNT];
    float anomaly;
    ei_impulse_result_timing_t timing;
} ei_impulse_result_t;

#endif
