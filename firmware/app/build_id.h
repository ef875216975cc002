/* The hash of everything this image was made from; CMake's BUILD_ID. */
#ifndef BUILD_ID_H
#define BUILD_ID_H

#include <stdint.h>

#include "link.h"

extern const uint8_t build_id[LINK_BUILD_ID_SIZE];

#endif
