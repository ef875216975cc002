/*
 * Source of the arithmetic: TFLM, tensorflow/lite/micro/kernels/detection_postprocess.cc.
 *
 * TFLM sorts the boxes by their scores. Here, each pass looks for the best box that is left, which
 * gives the same boxes, and needs no memory to sort in.
 */
#include "nn_kernels.h"

#include "nn_real.h"

/* The corners of a box. */
typedef struct {
    float top, left, bottom, right;
} box_t;

/* The ends of a box along one axis, and whether they are in order. */
static int ends_of(double centre, double size, double anchor, double length, float *first,
                   float *last) {
    const float middle = (float)(centre * length + anchor);
    const float half = (float)(0.5 * nn_exp_f64(size) * length);
    *first = middle - half;
    *last = middle + half;
    return !(*first >= *last);
}

/* Decodes all boxes; returns 1 if one of them is empty, which TFLM rejects. */
static int decode(const nn_detection_params_t *p, const float *encodings, const float *anchors,
                  box_t *boxes) {
    for (int32_t i = 0; i < p->boxes; i++, encodings += p->encoding, anchors += 4) {
        const double y = (double)encodings[0] / (double)p->y_scale;
        const double x = (double)encodings[1] / (double)p->x_scale;
        const double h = (double)encodings[2] / (double)p->h_scale;
        const double w = (double)encodings[3] / (double)p->w_scale;
        if (!ends_of(y, h, anchors[0], anchors[2], &boxes[i].top, &boxes[i].bottom) ||
            !ends_of(x, w, anchors[1], anchors[3], &boxes[i].left, &boxes[i].right)) {
            return 1;
        }
    }
    return 0;
}

static float lesser(float a, float b) {
    return b < a ? b : a;
}

static float greater(float a, float b) {
    return a < b ? b : a;
}

/* The area that two boxes share, as a part of the area of both. */
static float overlap(const box_t *a, const box_t *b) {
    const float area_a = (a->bottom - a->top) * (a->right - a->left);
    const float area_b = (b->bottom - b->top) * (b->right - b->left);
    if (area_a <= 0.0F || area_b <= 0.0F) {
        return 0.0F;
    }
    const float height = lesser(a->bottom, b->bottom) - greater(a->top, b->top);
    const float width = lesser(a->right, b->right) - greater(a->left, b->left);
    const float shared = greater(height, 0.0F) * greater(width, 0.0F);
    return shared / (area_a + area_b - shared);
}

/* The place of the greatest value from `threshold` on, the first of equals; -1 if there is none. */
static int32_t best_of(const float *values, int32_t size, float threshold) {
    int32_t best = -1;
    for (int32_t i = 0; i < size; i++) {
        if (best < 0 ? values[i] >= threshold : values[i] > values[best]) {
            best = i;
        }
    }
    return best;
}

/* The class with the greatest score. */
static int32_t class_of(const float *scores, int32_t classes) {
    int32_t best = 0;
    for (int32_t i = 1; i < classes; i++) {
        best = scores[i] > scores[best] ? i : best;
    }
    return best;
}

/*
 * Inserts a detection behind those with a greater or the same score. When `most` are there, the
 * last one is lost. Returns the new count.
 */
static int32_t insert(const nn_detections_t *found, int32_t count, int32_t most, const box_t *box,
                      int32_t class_, float score) {
    int32_t at = count;
    while (at > 0 && found->scores[at - 1] < score) {
        at--;
    }
    count = count < most ? count + 1 : count;
    const size_t moved = (size_t)(count - at - 1) * sizeof(float);
    memmove(found->boxes + 4 * (at + 1), found->boxes + 4 * at, 4 * moved);
    memmove(found->classes + at + 1, found->classes + at, moved);
    memmove(found->scores + at + 1, found->scores + at, moved);
    memcpy(found->boxes + 4 * at, box, sizeof(*box));
    found->classes[at] = (float)class_;
    found->scores[at] = score;
    return count;
}

/* The boxes of one pass: of the class `only`, or with -1 each of its best class. */
static int32_t pass(const nn_detection_params_t *p, int32_t only, const float *scores,
                    const box_t *boxes, float *left, const nn_detections_t *found, int32_t count) {
    for (int32_t i = 0; i < p->boxes; i++) {
        const float *row = scores + i * p->columns;
        left[i] = row[only < 0 ? class_of(row, p->classes) : only];
    }
    for (int32_t n = 0; n < p->most_of_pass; n++) {
        const int32_t best = best_of(left, p->boxes, p->least_score);
        if (best < 0 || (count == p->most && left[best] <= found->scores[count - 1])) {
            break;
        }
        const int32_t class_ = only < 0 ? class_of(scores + best * p->columns, p->classes) : only;
        count = insert(found, count, p->most, boxes + best, class_, left[best]);
        left[best] = NN_NAN;
        for (int32_t i = 0; i < p->boxes; i++) {
            if (left[i] >= p->least_score && overlap(boxes + best, boxes + i) > p->most_overlap) {
                left[i] = NN_NAN;
            }
        }
    }
    return count;
}

int nn_detection_f32(const nn_detection_params_t *params, const float *encodings,
                     const float *scores, const float *anchors, float *scratch,
                     const nn_detections_t *found) {
    const nn_detection_params_t p = *params;
    box_t *boxes = (box_t *)(void *)scratch;
    float *left = scratch + 4 * p.boxes; /* the scores of the boxes that are left */
    if (decode(&p, encodings, anchors, boxes)) {
        return 1;
    }
    memset(found->boxes, 0, (size_t)p.most * sizeof(box_t));
    memset(found->classes, 0, (size_t)p.most * sizeof(float));
    memset(found->scores, 0, (size_t)p.most * sizeof(float));
    scores += p.columns - p.classes; /* without the background */
    int32_t count = 0;
    if (p.each_class) {
        for (int32_t only = 0; only < p.classes; only++) {
            count = pass(&p, only, scores, boxes, left, found, count);
        }
    } else {
        count = pass(&p, -1, scores, boxes, left, found, count);
    }
    *found->count = (float)count;
    return 0;
}
