#include "build_id.h"

const uint8_t build_id[LINK_BUILD_ID_SIZE] = {BUILD_ID_BYTES};
