"""Text and numbers for people."""

import re

from harness.results.record import ImageInfo
from harness.support.printable import printable

_SHORT = 80  # characters of a name
_COMPILER = re.compile(r"^(?:arm-none-eabi-gcc (\(.*?\)) ([\d.]+)|clang version ([\d.]+) (\(.*\)))")


def short(text: str) -> str:
    """Return `text` printable, and short enough for a row of a table."""
    return printable(text, _SHORT)


def built_with(image: ImageInfo) -> str:
    """Return the toolchain and the flag."""
    return f"{image.toolchain} {image.optimize}".strip()


def shown_compiler(version: str) -> str:
    """Return a compiler's version line as people name it, with the package it comes from."""
    match = _COMPILER.match(version)
    if match is None:
        return version
    package, gnu_arm, clang, ziglang = match.groups()
    return f"GNU Arm {gnu_arm} {package}" if gnu_arm else f"clang {clang} {ziglang}"
