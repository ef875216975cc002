"""The names of the chips, in a module that does not import the emulator."""

CHIP_NAMES = ("stm32f429xi", "stm32l475xg", "nrf52840", "nrf91", "kw41z4")
"""pyOCD's target names."""
