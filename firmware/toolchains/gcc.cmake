# GNU Arm Embedded (arm-none-eabi-gcc). It is taken from PATH unless GCC_PREFIX is set:
# -DGCC_PREFIX=/opt/arm/bin/arm-none-eabi-
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(GCC_PREFIX "arm-none-eabi-" CACHE STRING "Path and name of the tools without the final `gcc`")
set(CMAKE_C_COMPILER ${GCC_PREFIX}gcc)
set(CMAKE_CXX_COMPILER ${GCC_PREFIX}g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(TOOLCHAIN_COMPILE_OPTIONS)
set(TOOLCHAIN_LINK_OPTIONS
    -nostartfiles --specs=nano.specs --specs=nosys.specs -Wl,--no-warn-rwx-segments
    -Wl,-Map=${CMAKE_BINARY_DIR}/firmware.map)
set(TOOLCHAIN_INCLUDES) # newlib
set(TOOLCHAIN_SOURCES)
