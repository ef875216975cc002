/*
 * The adapter of engine edge-impulse: it implements nn.h with an exported impulse.
 *
 * Like every application of the library, it calls run_classifier(). In images that report layers,
 * the SDK's own reads of its timer mark the end of each stage; see porting.cc.
 */
#include <string.h>

#include "edge-impulse-sdk/classifier/ei_run_classifier.h"

extern "C" {
#include "link.h"
#include "nn.h"
}
#include "porting.h"

static float features[EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE];

#if EI_CLASSIFIER_HAS_ANOMALY
static float answer[EI_CLASSIFIER_LABEL_COUNT + 1];
#else
static float answer[EI_CLASSIFIER_LABEL_COUNT];
#endif

static int get_features(size_t offset, size_t length, float *out) {
    memcpy(out, features + offset, length * sizeof(float));
    return 0;
}

static EI_IMPULSE_ERROR classify(ei_impulse_result_t *result) {
    signal_t signal;
    signal.total_length = EI_CLASSIFIER_DSP_INPUT_FRAME_SIZE;
    signal.get_data = &get_features;
    *result = {};
    porting_begin();
    return run_classifier(&signal, result, false);
}

#define STAGES_UNKNOWN 1

/* The first inference allocates memory from the system, and later ones reuse it. If it fails,
 * nn_invoke() fails, too, and reports the reason. */
extern "C" int nn_init(void) {
    ei_impulse_result_t result;
    run_classifier_init();
    EI_IMPULSE_ERROR status = classify(&result);
#ifdef NN_LAYER_HOOK
    uint32_t dsp = (uint32_t)result.timing.dsp_us;
    uint32_t inference = (uint32_t)result.timing.classification_us;
    if (status == EI_IMPULSE_OK && !porting_learn_stages(dsp, inference)) {
        return STAGES_UNKNOWN;
    }
#endif
    (void)status;
    return 0;
}

extern "C" nn_tensor_t nn_input(void) {
    return {features, sizeof(features)};
}

extern "C" nn_tensor_t nn_output(void) {
    return {answer, sizeof(answer)};
}

extern "C" uint32_t nn_arena_size(void) {
    return porting_heap_used();
}

extern "C" int nn_invoke(void) {
    ei_impulse_result_t result;
    EI_IMPULSE_ERROR status = classify(&result);
    if (status != EI_IMPULSE_OK) {
        link_log(porting_said());
        return status == EI_IMPULSE_DSP_ERROR ? 1 : 2;
    }
    for (size_t label = 0; label < EI_CLASSIFIER_LABEL_COUNT; label++) {
        answer[label] = result.classification[label].value;
    }
#if EI_CLASSIFIER_HAS_ANOMALY
    answer[EI_CLASSIFIER_LABEL_COUNT] = result.anomaly;
#endif
    NN_LAYER_DONE(2);
    return 0;
}

#ifdef NN_LAYER_HOOK
extern "C" nn_tensor_t nn_layer_output(uint32_t, uint32_t) {
    return {nullptr, 0}; /* outputs of stages stay inside the SDK */
}
#endif
