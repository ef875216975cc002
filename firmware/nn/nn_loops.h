/*
 * Nested loops over two tensors at once.
 *
 * The code generator merges axes that are contiguous in both tensors, so most operators need one
 * axis or two.
 */
#ifndef NN_LOOPS_H
#define NN_LOOPS_H

#include <stdint.h>

#define NN_AXES 6

typedef struct {
    int32_t rank;            /* number of axes, 1 to NN_AXES */
    int32_t size[NN_AXES];   /* size of each axis, the innermost first */
    int32_t first[NN_AXES];  /* step of the first tensor along each axis; 0 repeats an element */
    int32_t second[NN_AXES]; /* step of the second */
} nn_loops_t;

/* A position in all loops except the innermost, and the offset of each tensor at it. */
typedef struct {
    int32_t first;
    int32_t second;
    int32_t at[NN_AXES];
} nn_place_t;

/* Moves to the next position. Returns 0 after the last one. The first position is {0}. */
static inline int nn_next(const nn_loops_t *loops, nn_place_t *place) {
    for (int32_t axis = 1; axis < loops->rank; axis++) {
        place->first += loops->first[axis];
        place->second += loops->second[axis];
        place->at[axis]++;
        if (place->at[axis] < loops->size[axis]) {
            return 1;
        }
        place->first -= loops->size[axis] * loops->first[axis];
        place->second -= loops->size[axis] * loops->second[axis];
        place->at[axis] = 0;
    }
    return 0;
}

#endif
