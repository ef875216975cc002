/* Two files of CMSIS-NN 4.0.0 include this header and use nothing from it. */
#ifndef STDIO_H
#define STDIO_H
#endif
