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

/* Of several impulses, the SDK's own macros may describe another than the default one. */
static float features[IMPULSE_FEATURES];

/* A box is its label's index, x, y, width, height and score. */
#define BOX 6
#define ANSWERS (IMPULSE_SCORES + BOX * IMPULSE_BOXES + 2 * IMPULSE_VISUAL + IMPULSE_ANOMALY)

static float answer[ANSWERS];

static int get_features(size_t offset, size_t length, float *out) {
    memcpy(out, features + offset, length * sizeof(float));
    return 0;
}

static EI_IMPULSE_ERROR classify(ei_impulse_result_t *result) {
    signal_t signal;
    signal.total_length = IMPULSE_FEATURES;
    signal.get_data = &get_features;
    *result = {};
    porting_begin();
#if IMPULSE_CONTINUOUS
    return run_classifier_continuous(&signal, result, false);
#else
    return run_classifier(&signal, result, false);
#endif
}

/* Before 2022, an SDK has no times in microseconds, and before 2023 no count of boxes. */
template <typename T>
static auto dsp_time(const T &timing, int) -> decltype((uint32_t)timing.dsp_us) {
    return (uint32_t)timing.dsp_us;
}

template <typename T> static uint32_t dsp_time(const T &timing, long) {
    return (uint32_t)timing.dsp;
}

template <typename T>
static auto inference_time(const T &timing, int) -> decltype((uint32_t)timing.classification_us) {
    return (uint32_t)timing.classification_us;
}

template <typename T> static uint32_t inference_time(const T &timing, long) {
    return (uint32_t)timing.classification;
}

#if IMPULSE_BOXES
template <typename T>
static auto count_boxes(const T &result, int) -> decltype((size_t)result.bounding_boxes_count) {
    return result.bounding_boxes_count;
}

template <typename T> static size_t count_boxes(const T &, long) {
    return EI_CLASSIFIER_OBJECT_DETECTION_COUNT;
}

static float index_of(const char *label) {
    static const char *const labels[] = {
#include "labels.inc"
    };
    float index = 0.0f;
    for (const char *each : labels) {
        if (label != nullptr && strcmp(label, each) == 0) {
            return index;
        }
        index += 1.0f;
    }
    return -1.0f;
}

static float *write_boxes(const ei_impulse_result_t &result, float *out) {
    size_t count = count_boxes(result, 0);
    memset(out, 0, BOX * IMPULSE_BOXES * sizeof(float));
    for (size_t i = 0; i < count && i < IMPULSE_BOXES; i++) {
        const auto &box = result.bounding_boxes[i];
        if (box.value != 0.0f) { /* an SDK fills the list with empty ones */
            float values[BOX] = {index_of(box.label), (float)box.x,      (float)box.y,
                                 (float)box.width,    (float)box.height, box.value};
            memcpy(out + BOX * i, values, sizeof(values));
        }
    }
    return out + BOX * IMPULSE_BOXES;
}
#endif

static void write_answer(const ei_impulse_result_t &result) {
    float *out = answer;
#if IMPULSE_BOXES
    out = write_boxes(result, out);
#endif
#if IMPULSE_SCORES
    for (size_t label = 0; label < IMPULSE_SCORES; label++) {
        *out++ = result.classification[label].value;
    }
#endif
#if IMPULSE_VISUAL
    *out++ = result.visual_ad_result.mean_value;
    *out++ = result.visual_ad_result.max_value;
#endif
#if IMPULSE_ANOMALY
    *out = result.anomaly;
#endif
}

/* In 2020, an SDK kept nothing between inferences, and had no function of this name. If it has one,
 * that is called: it is no template. */
template <int none = 0> static void run_classifier_init() {
}

#define STAGES_UNKNOWN 1

/* The first inference allocates memory from the system, and later ones reuse it. If it fails,
 * nn_invoke() fails, too, and reports the reason. */
extern "C" int nn_init(void) {
    ei_impulse_result_t result;
    run_classifier_init();
    EI_IMPULSE_ERROR status = classify(&result);
#ifdef NN_LAYER_HOOK
    uint32_t dsp = dsp_time(result.timing, 0);
    uint32_t inference = inference_time(result.timing, 0);
    if (status == EI_IMPULSE_OK && !porting_learn_stages(dsp, inference)) {
        return STAGES_UNKNOWN;
    }
#endif
    (void)status;
#if IMPULSE_CONTINUOUS
    run_classifier_init(); /* the slice above is forgotten */
#endif
    return 0;
}

#if IMPULSE_CONTINUOUS
extern "C" int nn_reset(void) {
    run_classifier_init();
    return 0;
}
#endif

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
    write_answer(result);
    NN_LAYER_DONE(2);
    return 0;
}

#ifdef NN_LAYER_HOOK
extern "C" nn_tensor_t nn_layer_output(uint32_t, uint32_t) {
    return {nullptr, 0}; /* outputs of stages stay inside the SDK */
}
#endif
