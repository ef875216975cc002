# nRF52840 and nRF51: UART0, DWT or TIMER0, HFINT. The defaults are for an nRF52840 DK: 1 MiB of
# flash and 256 KiB of RAM (nRF52840 Product Specification, "Memory"), the pins of the interface
# MCU's serial port (DK user guide, "Virtual COM port"), and LED 1 as the trigger.
# The number of a pin is 32 * port + pin: P1.03 is 35.
set(CORE "cortex-m4f" CACHE STRING "Core: see cores.cmake")
set(FLASH_ORIGIN 0x0 CACHE STRING "")
set(FLASH_SIZE 0x100000 CACHE STRING "bytes")
set(RAM_ORIGIN 0x20000000 CACHE STRING "")
set(RAM_SIZE 0x40000 CACHE STRING "bytes")
set(BAUD 115200 CACHE STRING "bits per second")
set(PIN_TX 6 CACHE STRING "")
set(PIN_RX 8 CACHE STRING "")
set(PIN_TRIGGER 13 CACHE STRING "")
if(CORE STREQUAL "cortex-m0") # an nRF51
    set(TIMER1_BITS 16 CACHE STRING "With 32, TIMER1 is the coarse counter")
else()
    set(TIMER1_BITS 32 CACHE STRING "")
endif()
set(PORT_IS_CORTEXM TRUE)
set(PORT_DEFINITIONS PIN_TX=${PIN_TX}U PIN_RX=${PIN_RX}U PIN_TRIGGER=${PIN_TRIGGER}U
    TIMER1_BITS=${TIMER1_BITS})
