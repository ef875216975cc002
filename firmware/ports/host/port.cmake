# The firmware as a program of the host: bytes come from standard input and go to
# standard output. For tests of the link and the application; it measures nothing.
set(BAUD 115200 CACHE STRING "not used")
set(PORT_IS_CORTEXM FALSE)
set(PORT_DEFINITIONS)
