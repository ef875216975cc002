"""Numbers in options: the `type` of an argument of argparse or pytest, with a range."""

import argparse
import re
from collections.abc import Callable

# Python's own `int` and `float` also read 1_000, nan, inf and the digits of every script.
_WHOLE = re.compile(r"[-+]?[0-9]+")
_REAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?%")
_ADDRESS = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")
_DIGITS = 40  # characters; no range needs more


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return a function that reads a whole number from `least` to `most`."""

    def read(text: str) -> int:
        number = int(text) if len(text) <= _DIGITS and _WHOLE.fullmatch(text) else None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:_DIGITS]!r} is not a whole number from {least:,} to {most:,}"
            )
        return number

    return read


def number(least: float, most: float) -> Callable[[str], float]:
    """Return a function that reads a number from `least` to `most`."""

    def read(text: str) -> float:
        value = float(text) if len(text) <= _DIGITS and _REAL.fullmatch(text) else None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:_DIGITS]!r} is not a number from {least:,g} to {most:,g}"
            )
        return value

    return read


def percentage(text: str) -> float:
    """Read a share from 0 % to 100 %, such as `0.1%`; return it as a number from 0 to 1."""
    match = _PERCENT.fullmatch(text.strip()) if len(text) <= _DIGITS else None
    if match is None or float(match[1]) > 100:  # noqa: PLR2004 - percent
        raise argparse.ArgumentTypeError(
            f"{text[:_DIGITS]!r} is not a percentage from 0% to 100%, such as 0.1%"
        )
    return float(match[1]) / 100


def address(text: str) -> int:
    """Read an address of 32 bits, decimal or with 0x."""
    value = -1
    if len(text) <= _DIGITS and _ADDRESS.fullmatch(text):
        value = int(text, 16) if text[:2] in {"0x", "0X"} else int(text)
    if not 0 <= value < 1 << 32:
        raise argparse.ArgumentTypeError(
            f"{text[:_DIGITS]!r} is not an address, such as 0x08000000"
        )
    return value
