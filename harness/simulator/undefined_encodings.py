"""Encodings that are undefined on a core although the emulator executes them.

Armv7-M ARM (DDI 0403E): A5.2.5 (no SETEND), A5.3.4 (no BLX with an immediate, no exception return),
A5.3.6 (no LDREXD and STREXD), A5.3.1 (no NEON), A6.7 (only FPSCR). Armv6-M ARM (DDI 0419): A5.2
(no IT, CBZ and CBNZ, either).
"""

from collections.abc import Callable

Undefined = Callable[[int, int | None], bool]
"""Whether an instruction is undefined. One of 16 bits has no second halfword."""

_SETEND = (0xFFF7, 0xB650)
_COMPARE_AND_BRANCH = (0xF500, 0xB100)
_IT, _IT_MASK = 0xBF, 0xF

# A mask and a value for the first halfword, and the same for the second.
_WIDE = (
    (0xFFE0, 0xE8C0, 0x00F0, 0x0070),  # LDREXD, STREXD
    (0xF800, 0xF000, 0xD000, 0xC000),  # BLX
    (0xFFF0, 0xF3D0, 0xD000, 0x8000),  # ERET; SUBS PC, LR
    (0xFF10, 0xF900, 0x0000, 0x0000),  # NEON loads and stores
)
_FLOAT_SYSTEM = (0xFFE0, 0xEEE0, 0x0F10, 0x0A10)  # VMSR and VMRS
_FPSCR = 1
_SECURE_GATEWAY = (0xE97F, 0xE97F)


def in_armv6m(first: int, second: int | None) -> bool:
    """Return whether an instruction is undefined on the Cortex-M0+."""
    if second is not None:
        return False  # the emulator knows which few there are
    is_it = first >> 8 == _IT and bool(first & _IT_MASK)
    return is_it or any(first & mask == value for mask, value in (_SETEND, _COMPARE_AND_BRANCH))


def in_armv7m(first: int, second: int | None) -> bool:
    """Return whether an instruction is undefined on the Cortex-M4F."""
    return in_armv8m(first, second) or (first, second) == _SECURE_GATEWAY


def in_armv8m(first: int, second: int | None) -> bool:
    """Return whether an instruction is undefined on the Cortex-M33."""
    if second is None:
        return first & _SETEND[0] == _SETEND[1]
    if _matches(first, second, _FLOAT_SYSTEM):
        return first & 0xF != _FPSCR
    return any(_matches(first, second, pattern) for pattern in _WIDE)


def _matches(first: int, second: int, pattern: tuple[int, int, int, int]) -> bool:
    first_mask, first_value, second_mask, second_value = pattern
    return first & first_mask == first_value and second & second_mask == second_value
