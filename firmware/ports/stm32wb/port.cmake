# STM32WB10 to WB55, the Cortex-M4: HSI16, 16 MHz, without flash wait states (RM0434, "Read access latency").
# The second core, for the radio, stays off. TIM2 is the only timer with 32 bits. The WB10, WB30 and WB50
# have no LPUART1.
# Registers: RM0434 (WB35, WB55), RM0471 (WB30, WB50), RM0473 (WB15); pins: DS11929 (WB55), "Alternate
# functions". The defaults are for an STM32WB55xG (DS11929, "Memory mapping"): the lower half of its 1 MiB of
# flash, since the radio's firmware may fill the upper half, and 192 KiB of SRAM1.
set(CORE "cortex-m4f" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x08000000 CACHE STRING "")
set(FLASH_SIZE 0x80000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x30000 CACHE STRING "bytes")

set(STM32_HZ 16000000)
set(STM32_START
    set:0x58000000:0x100:0x100 # RCC_CR: HSION
    wait:0x58000000:0x400:0x400 # HSIRDY
    set:0x58000008:0x3:0x1 # RCC_CFGR: SW, HSI16
    wait:0x58000008:0xC:0x4 # SWS
)
set(STM32_GPIO moder 0x48000000 0x5800004C 0)
set(STM32_TIMERS tim2)
set(STM32_TIMERS_ENABLE 0x58000058)

set(STM32_USART1 v2 0x40013800 0x58000060 14 36)
set(STM32_USART1_TX PB6:7 PA9:7)
set(STM32_USART1_RX PB7:7 PA10:7)
set(STM32_LPUART1 lpuart 0x40008000 0x5800005C 0 37)
set(STM32_LPUART1_TX PA2:8 PB5:8 PB11:8 PC1:8)
set(STM32_LPUART1_RX PA3:8 PA12:8 PB10:8 PC0:8)

include(${CMAKE_CURRENT_SOURCE_DIR}/ports/stm32/stm32.cmake)
