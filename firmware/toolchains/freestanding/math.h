/* CMSIS-NN before release 5 includes this header; its int8 functions use nothing from it. */
#ifndef MATH_H
#define MATH_H
#endif
