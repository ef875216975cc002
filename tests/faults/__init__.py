"""The fault campaign: `make faults` breaks something and checks what the harness makes of it.

Each module in `classes` is a class of faults, and holds functions with the decorator `@fault`.
Such a function gets a `Case`: a repository and a temporary folder of its own. It breaks something
and runs the harness with `case.harness(...)`, which judges how the command ended. It can also
drive any part of the harness in its own process, and report with `case.found(...)`. A fault with
`seeds=50` runs fifty times, each time with another `case.random`. One with `carriers=BOTH` runs on
boards with a serial line and on boards with RTT: `case.virtual` and `case.qemu` name them.
"""
