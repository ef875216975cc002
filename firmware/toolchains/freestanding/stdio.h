/* CMSIS-NN 4.0.0 includes it in two files and uses nothing of it. */
#ifndef STDIO_H
#define STDIO_H
#endif
