"""The names of chips and boards, in a module that does not import the emulator."""

import re

from harness.errors import InputError
from harness.support.suggestions import suggest

CHIP_NAMES = ("stm32f429xi", "stm32l475xg", "nrf52840", "nrf91", "kw41z4")
"""pyOCD's target names."""

_MARK = " (virtual)"  # ends the name of a virtual board


def unknown_chip(name: str) -> InputError:
    """Return the error for a `name` that is not in `CHIP_NAMES`, such as that of a board."""
    return InputError(
        f"there is no virtual board with the chip {name!r}",
        remedy=f"give the chip, not the board, by pyOCD's name; {suggest(name, CHIP_NAMES)}",
    )


def is_board(shown: str, name: str) -> bool:
    """Return whether a board that a probe shows as `shown`, virtual or not, is the board `name`.

    Only letters and digits count: "NUCLEO-F429ZI (virtual)" is "nucleo-f429zi".
    """
    letters = _letters(shown.removesuffix(_MARK))
    return bool(letters) and letters == _letters(name)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
