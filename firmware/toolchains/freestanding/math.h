/* CMSIS-NN before release 5 includes it and, for int8, uses nothing of it. */
#ifndef MATH_H
#define MATH_H
#endif
