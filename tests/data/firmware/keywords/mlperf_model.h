/* What the benchmark's own keyword model would have here. */
#ifndef MLPERF_MODEL_H
#define MLPERF_MODEL_H

#include <stdint.h>

#define MLPERF_MODEL "kws01"

#define MLPERF_INPUTS 490U
#define MLPERF_INPUT_SIZE 490U
#define MLPERF_FLIP 0U
#define MLPERF_QUANTIZES 0
#define MLPERF_INPUT_SCALE 1.0F
#define MLPERF_INPUT_ZERO 0

#define MLPERF_RESULTS 12U
#define MLPERF_SCORE 0
#define MLPERF_CUTS_OFF 1
#define MLPERF_OUTPUT_SCALE 0.00390625F
#define MLPERF_OUTPUT_ZERO (-128)
typedef int8_t mlperf_output_t;

#endif
