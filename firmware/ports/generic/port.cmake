# Any Cortex-M chip, with the link through a debug probe. The defaults are the smallest memory map that
# many chips have.
set(CORE "cortex-m0" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x0 CACHE STRING "")
set(FLASH_SIZE 0x20000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x8000 CACHE STRING "bytes")
set(BAUD 115200 CACHE STRING "not used: there is no serial line")
set(WINDOW 2048 CACHE STRING "bytes in transit to the firmware; with 256, its buffers take 3 KiB less")

set(PORT_PARTS rtt systick)
set(PORT_IS_CORTEXM TRUE)
set(PORT_DEFINITIONS LINK_WINDOW=${WINDOW}U)
