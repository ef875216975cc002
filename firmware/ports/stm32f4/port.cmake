# STM32F4: USART1 or USART3, TIM2, HSI. The defaults are for an STM32F405 (data sheet DS8626,
# "Memory map"): 1 MiB of flash, 112 + 16 KiB of contiguous SRAM.
set(CORE "cortex-m4f" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x08000000 CACHE STRING "")
set(FLASH_SIZE 0x100000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x20000 CACHE STRING "bytes")
set(BAUD 115200 CACHE STRING "bits per second")
set(UART usart1 CACHE STRING "usart1: PA9 and PA10; usart3: PD8 and PD9")
set(PORT_IS_CORTEXM TRUE)
if(NOT UART MATCHES "^usart[13]$")
    message(FATAL_ERROR "UART: '${UART}' is neither usart1 nor usart3")
endif()
string(TOUPPER ${UART} PORT_DEFINITIONS)
