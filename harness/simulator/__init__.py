"""Microcontrollers in software: virtual boards that stock pyOCD and pyserial use like real ones.

`python -m harness.simulator serve CHIP` starts a board; `board_process.VirtualBoard` does so from
Python. README.md in this folder describes what is modelled, how to use it, and the modules.
"""
