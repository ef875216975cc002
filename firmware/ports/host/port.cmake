# The firmware as a program on the host: it reads bytes from standard input and writes bytes to
# standard output. It is for tests of the link and the application; its measurements have no use.
set(BAUD 115200 CACHE STRING "not used")
set(PORT_IS_CORTEXM FALSE)
set(PORT_DEFINITIONS)
