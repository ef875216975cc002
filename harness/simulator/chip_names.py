"""The names of chips and boards, in a module that does not import the emulator."""

import re

CHIP_NAMES = ("stm32f429xi", "stm32l475xg", "nrf52840", "nrf91", "kw41z4")
"""pyOCD's target names."""

_MARK = " (virtual)"  # ends the name of a virtual board


def is_board(shown: str, name: str) -> bool:
    """Return whether a board that a probe shows as `shown`, virtual or not, is the board `name`.

    Only letters and digits count: "NUCLEO-F429ZI (virtual)" is "nucleo-f429zi".
    """
    letters = _letters(shown.removesuffix(_MARK))
    return bool(letters) and letters == _letters(name)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
