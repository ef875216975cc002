# STM32L4: USART1 on PB6 and PB7, TIM2, HSI16. The defaults are for an STM32L475VG
# (data sheet DS10969, "Memory mapping"): 1 MiB of flash, 96 KiB of SRAM1.
set(CORE "cortex-m4f" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x08000000 CACHE STRING "")
set(FLASH_SIZE 0x100000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x18000 CACHE STRING "bytes")
set(BAUD 115200 CACHE STRING "bits per second")
set(PORT_IS_CORTEXM TRUE)
set(PORT_DEFINITIONS)
