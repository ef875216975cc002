/* An int8 network of one FULLY_CONNECTED layer. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUTS 8
#define MODEL_OUTPUTS 4

extern int8_t modelInput[MODEL_INPUTS];
extern int8_t modelOutput[MODEL_OUTPUTS];

/* Computes the output from the input. Returns 0: it never fails. */
int modelInvoke();

#endif
