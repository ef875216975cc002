#pragma once
#include "flatbuffers/base.h"
