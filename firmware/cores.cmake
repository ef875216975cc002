# Compiler flags for each core, a row for each toolchain of toolchains/.
set(CORE_FLAGS_gcc_cortex-m4f -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)
# To zig, `cortex_m4` alone is a core without the FPU.
set(CORE_FLAGS_clang_cortex-m4f --target=thumb-freestanding-eabihf -mcpu=cortex_m4+vfp4d16sp)
