"""The names of the chips, apart from the chips: to know them takes no emulator."""

CHIP_NAMES = ("stm32f429xi", "stm32l475xg", "nrf52840")
"""As pyOCD calls them."""
