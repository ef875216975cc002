"""FSEC, the byte in the flash of a Kinetis that secures it: a debugger may never get in again."""

from collections.abc import Callable

from harness.target.chip_families import family_of
from harness.target.target_file import Pyocd, Target, TargetFile

_SEC, _UNSECURED = 0b11, 0b10  # KL25 Reference Manual (KL25P80M48SF0RM), FTFA_FSEC: SEC


def security_fault(target: Target | TargetFile, read: Callable[[int], int | None]) -> str:
    """Return what is wrong with FSEC in an image; empty if nothing is, or the chip has no FSEC.

    `read` returns the byte that the image has at an address, None if it has none there.
    """
    board = target.board
    family = family_of(board.target) if isinstance(board, Pyocd) else None
    fsec = family.fsec if family else None
    if fsec is None or target.load == "ram" or fsec not in target.memory.flash:
        return ""
    value = read(fsec)
    if value is None:
        return f"has nothing at {fsec:#x} (FSEC): erased flash there, or code, secures the chip"
    if value & _SEC != _UNSECURED:
        return f"has {value:#04x} at {fsec:#x} (FSEC), which secures the chip, perhaps for good"
    return ""
