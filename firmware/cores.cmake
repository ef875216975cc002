# Compiler flags for each core.
set(CORE_FLAGS_cortex-m4f -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16)
