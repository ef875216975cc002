/* The post-processing of an object detector; nn_kernels.h includes this file. */
#ifndef NN_DETECTION_H
#define NN_DETECTION_H

#include <stdint.h>

typedef struct {
    int32_t boxes;
    int32_t encoding; /* values of an encoded box; the first four count */
    int32_t columns;  /* scores of a box; one more than `classes` with a background first */
    int32_t classes;
    int32_t most;         /* detections */
    int32_t most_of_pass; /* detections of one pass */
    int32_t each_class;   /* 1: a pass for each class; 0: one pass, with the best class of a box */
    float least_score;
    float most_overlap; /* of a box with a better one */
    float y_scale;      /* of the encoded boxes */
    float x_scale;
    float h_scale;
    float w_scale;
} nn_detection_params_t;

/* The detections, the best ones first. Those from `count` on are 0. */
typedef struct {
    float *boxes; /* the upper, left, lower and right end of each */
    float *classes;
    float *scores;
    float *count;
} nn_detections_t;

/*
 * Decodes boxes [boxes, encoding] relative to anchors [boxes, 4], and keeps the best ones of those
 * that overlap. `scratch` holds 5 values for each box. Returns 1 if a box is empty.
 */
int nn_detection_f32(const nn_detection_params_t *params, const float *encodings,
                     const float *scores, const float *anchors, float *scratch,
                     const nn_detections_t *found);

#endif
