# clang and lld, as `zig cc` brings them, from PATH unless ZIG says where:
# -DZIG=/opt/zig/zig
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(ZIG "zig" CACHE STRING "The zig executable")
set(CMAKE_C_COMPILER ${ZIG} cc)
set(CMAKE_CXX_COMPILER ${ZIG} c++)
# For CMake's own tests of the compiler, which would build zig's runtime for this
# computer otherwise; the row in cores.cmake, which comes later, counts.
set(CMAKE_C_COMPILER_TARGET thumb-freestanding-eabihf)
set(CMAKE_CXX_COMPILER_TARGET thumb-freestanding-eabihf)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# Zig has its own idea of what is on unless it is told: sanitizers, frame pointers,
# unwind tables.
set(TOOLCHAIN_COMPILE_OPTIONS
    -ffreestanding -fno-sanitize=all -fomit-frame-pointer
    -fno-unwind-tables -fno-asynchronous-unwind-tables)
# Zig knows three levels of optimization and takes each flag for one of them, -O3 for -O2; clang
# itself is told which was meant.
string(REGEX MATCH "-O[0-3gsz]" level "${OPTIMIZE}")
if(level)
    list(APPEND TOOLCHAIN_COMPILE_OPTIONS "SHELL:-Xclang ${level}")
endif()
# Without -g here the ELF is stripped, and -nostdlib would drop compiler-rt, which has
# memcpy and the like. The entry has to be said again: zig passes `_start`, which comes
# before the link script's.
set(TOOLCHAIN_LINK_OPTIONS -g -Wl,--entry=reset_handler -Wl,--print-map)
# There is no C library.
set(TOOLCHAIN_INCLUDES ${CMAKE_CURRENT_LIST_DIR}/freestanding)
set(TOOLCHAIN_SOURCES ${CMAKE_CURRENT_LIST_DIR}/freestanding/string.c)

# Zig takes no -Map; it prints the map.
set(CMAKE_C_LINKER_LAUNCHER sh -c "\"$@\" >firmware.map" --)
