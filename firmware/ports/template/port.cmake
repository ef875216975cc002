# A port to copy: see "A new port" in firmware/README.md. Replace every value marked REPLACE.
# A target file sets CORE, BAUD and the memory map with keys of its own, and the port's own
# options, here UART_HZ, with port.options.

# REPLACE: one line about the chip: the UART, the clock, and where the defaults are from (data
# sheet, section).
set(CORE "cortex-m4f" CACHE STRING "Core: see cores.cmake") # REPLACE
set(FLASH_ORIGIN 0x08000000 CACHE STRING "")                # REPLACE
set(FLASH_SIZE 0x100000 CACHE STRING "bytes")               # REPLACE
set(RAM_ORIGIN 0x20000000 CACHE STRING "")                  # REPLACE
set(RAM_SIZE 0x20000 CACHE STRING "bytes")                  # REPLACE
set(BAUD 115200 CACHE STRING "bits per second")

# REPLACE: options of this port, if boards with the chip differ: pins, the number of the UART. Each
# is a cache variable here and a macro in port.c.
set(UART_HZ 16000000 CACHE STRING "The UART's clock")
set(PORT_DEFINITIONS UART_HZ=${UART_HZ}U)

# Adds ports/cortexm and the cross-compiler. Of the parts, `ring` stores received bytes, and
# `systick` counts on a core without a DWT.
set(PORT_IS_CORTEXM TRUE)
set(PORT_PARTS ring systick)
