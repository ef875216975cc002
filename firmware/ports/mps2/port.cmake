# Arm's MPS2 and MPS3 boards with an FPGA image of a Cortex-M: CMSDK UART 0, and the FPGA's
# I/O block with its counter and LEDs. The defaults are for the Cortex-M3 of Application Note
# AN385: chapters "Memory map" and "Interrupts".
set(CORE "cortex-m3" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x0 CACHE STRING "RAM that the board's loader fills")
set(FLASH_SIZE 0x400000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x400000 CACHE STRING "bytes")
set(BAUD 115200 CACHE STRING "bits per second")
set(UART_BASE 0x40004000 CACHE STRING "")
set(UART_HZ 25000000 CACHE STRING "The UART's clock")
set(UART_INTERRUPT 0 CACHE STRING "The UART's receive interrupt")
set(FPGAIO_BASE 0x40028000 CACHE STRING "The FPGA system control and I/O block")
set(PORT_IS_CORTEXM TRUE)
set(PORT_DEFINITIONS
    UART_BASE=${UART_BASE}U UART_HZ=${UART_HZ}U UART_INTERRUPT=${UART_INTERRUPT}U
    FPGAIO_BASE=${FPGAIO_BASE}U)
