# Compiler flags for each core, with a row for each toolchain in toolchains/. A
# floating-point unit is always the single-precision one: the smallest chips with the core have
# no other.
set(CORE_FLAGS_gcc_cortex-m0 -mcpu=cortex-m0 -mthumb -mfloat-abi=soft)
set(CORE_FLAGS_gcc_cortex-m0plus -mcpu=cortex-m0plus -mthumb -mfloat-abi=soft)
set(CORE_FLAGS_gcc_cortex-m23 -mcpu=cortex-m23 -mthumb -mfloat-abi=soft)
set(CORE_FLAGS_gcc_cortex-m3 -mcpu=cortex-m3 -mthumb -mfloat-abi=soft)
set(CORE_FLAGS_gcc_cortex-m4 -mcpu=cortex-m4 -mthumb -mfloat-abi=soft)
set(CORE_FLAGS_gcc_cortex-m4f -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)
set(CORE_FLAGS_gcc_cortex-m7 -mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16)
# With the DSP extension.
set(CORE_FLAGS_gcc_cortex-m33 -mcpu=cortex-m33 -mthumb -mfloat-abi=hard -mfpu=fpv5-sp-d16)
# Without the DSP extension and the floating-point unit.
set(CORE_FLAGS_gcc_cortex-m33-nofp -mcpu=cortex-m33+nodsp -mthumb -mfloat-abi=soft)
# With Helium (MVE) for integers and floats, and the scalar floating-point unit.
set(CORE_FLAGS_gcc_cortex-m55 -mcpu=cortex-m55 -mthumb -mfloat-abi=hard)
# GCC 12 does not know the Cortex-M85. It executes all instructions of the Cortex-M55.
set(CORE_FLAGS_gcc_cortex-m85 -mcpu=cortex-m55 -mthumb -mfloat-abi=hard)
# In zig, the name of a core alone means the core without its options: FPU, DSP, Helium.
set(CORE_FLAGS_clang_cortex-m0 --target=thumb-freestanding-eabi -mcpu=cortex_m0)
set(CORE_FLAGS_clang_cortex-m0plus --target=thumb-freestanding-eabi -mcpu=cortex_m0plus)
set(CORE_FLAGS_clang_cortex-m23 --target=thumb-freestanding-eabi -mcpu=cortex_m23)
set(CORE_FLAGS_clang_cortex-m3 --target=thumb-freestanding-eabi -mcpu=cortex_m3)
set(CORE_FLAGS_clang_cortex-m4 --target=thumb-freestanding-eabi -mcpu=cortex_m4)
set(CORE_FLAGS_clang_cortex-m4f --target=thumb-freestanding-eabihf -mcpu=cortex_m4+vfp4d16sp)
set(CORE_FLAGS_clang_cortex-m7 --target=thumb-freestanding-eabihf -mcpu=cortex_m7+fp_armv8d16sp)
set(CORE_FLAGS_clang_cortex-m33 --target=thumb-freestanding-eabihf -mcpu=cortex_m33+dsp+fp_armv8d16sp)
set(CORE_FLAGS_clang_cortex-m33-nofp --target=thumb-freestanding-eabi -mcpu=cortex_m33)
set(CORE_FLAGS_clang_cortex-m55 --target=thumb-freestanding-eabihf -mcpu=cortex_m55+mve_fp)
set(CORE_FLAGS_clang_cortex-m85 --target=thumb-freestanding-eabihf -mcpu=cortex_m85+mve_fp)

# The most external interrupts that a chip with the core can have (technical reference manuals,
# "NVIC"). VTOR takes the address of a vector table only at a multiple of a power of two, at least
# the size of the chip's table (Armv7-M ARM, DDI 0403E, B3.2.5; Armv8-M ARM, DDI 0553, VTOR).
set(INTERRUPTS_cortex-m0 32) # has no VTOR
set(INTERRUPTS_cortex-m0plus 32)
set(INTERRUPTS_cortex-m23 240)
set(INTERRUPTS_cortex-m3 240)
set(INTERRUPTS_cortex-m4 240)
set(INTERRUPTS_cortex-m4f 240)
set(INTERRUPTS_cortex-m7 240)
set(INTERRUPTS_cortex-m33 480)
set(INTERRUPTS_cortex-m33-nofp 480)
set(INTERRUPTS_cortex-m55 480)
set(INTERRUPTS_cortex-m85 480)
