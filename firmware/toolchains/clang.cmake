# clang and lld in `zig cc`. zig is taken from PATH unless ZIG is set: -DZIG=/opt/zig/zig
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR arm)
set(ZIG "zig" CACHE STRING "The zig executable")
set(CMAKE_C_COMPILER ${ZIG} cc)
set(CMAKE_CXX_COMPILER ${ZIG} c++)
# For CMake's own tests of the compiler. Without it, they build zig's runtime for this computer.
# The firmware itself is compiled with the flags in cores.cmake, which override it.
set(CMAKE_C_COMPILER_TARGET thumb-freestanding-eabihf)
set(CMAKE_CXX_COMPILER_TARGET thumb-freestanding-eabihf)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# CMake would look for an `ar` on PATH, which a machine without other compilers does not have.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ZIG)
foreach(language C CXX)
    set(CMAKE_${language}_ARCHIVE_CREATE "\"${ZIG}\" ar qc <TARGET> <LINK_FLAGS> <OBJECTS>")
    set(CMAKE_${language}_ARCHIVE_APPEND "\"${ZIG}\" ar q <TARGET> <LINK_FLAGS> <OBJECTS>")
    set(CMAKE_${language}_ARCHIVE_FINISH "")
endforeach()

# Zig enables these by default: sanitizers, frame pointers, unwind tables.
set(TOOLCHAIN_COMPILE_OPTIONS
    -ffreestanding -fno-sanitize=all -fomit-frame-pointer
    -fno-unwind-tables -fno-asynchronous-unwind-tables)
# Zig has three optimization levels and maps each flag to one of them, -O3 to -O2. This passes the
# level on to clang itself.
string(REGEX MATCH "-O[0-3gsz]" level "${OPTIMIZE}")
if(level)
    list(APPEND TOOLCHAIN_COMPILE_OPTIONS "SHELL:-Xclang ${level}")
endif()
# See firmware/nn/nn_real.h: clang has no pragma for this.
set(TOOLCHAIN_FLOAT_OPTIONS -fno-vectorize -fno-slp-vectorize)
# Without -g here, zig strips the ELF. -nostdlib is not used, because it removes compiler-rt, which
# has memcpy and similar functions. The entry is repeated: zig passes `_start`, which takes
# precedence over the link script's.
set(TOOLCHAIN_LINK_OPTIONS -g -Wl,--entry=reset_handler -Wl,--print-map)
# There is no C library.
set(TOOLCHAIN_INCLUDES ${CMAKE_CURRENT_LIST_DIR}/freestanding)
set(TOOLCHAIN_SOURCES ${CMAKE_CURRENT_LIST_DIR}/freestanding/string.c)

# Zig does not support -Map; it prints the map to standard output.
set(CMAKE_C_LINKER_LAUNCHER sh -c "\"$@\" >firmware.map" --)
