/*
 * Layers of networks that compute with float32. They add in the order of TFLM's reference kernels,
 * so their outputs equal TFLM's byte for byte on a processor without fused multiply-add.
 *
 * nn_kernels.h includes this header; the conventions are the same.
 */
#ifndef NN_KERNELS_F32_H
#define NN_KERNELS_F32_H

#include <stdint.h>

#include "nn_loops.h"

#endif
