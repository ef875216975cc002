"""The flash patch and breakpoint unit (Armv7-M ARM, C1.11), version 1: six breakpoints.

It reports zero literal comparators; remapping is not modelled.
"""

from collections.abc import Callable

CTRL, COMP0 = 0x000, 0x008

_COMPARATORS = 6
_ENABLE, _KEY = 1 << 0, 1 << 1
_ADDRESS = 0x1FFF_FFFC
_LOW, _HIGH = 1 << 30, 1 << 31  # REPLACE: break at the lower or upper halfword


class Fpb:
    """The unit; `changed` is called with the addresses of all active breakpoints."""

    def __init__(self, changed: Callable[[set[int]], None]) -> None:
        self._changed = changed
        self._enabled = 0
        self._comparators = [0] * _COMPARATORS

    def reset(self) -> None:
        """Clear everything."""
        self._enabled = 0
        self._comparators = [0] * _COMPARATORS
        self._changed(set())

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == CTRL:
            return _COMPARATORS << 4 | self._enabled
        index = (offset - COMP0) // 4
        return self._comparators[index] if 0 <= index < _COMPARATORS else 0

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; CTRL requires its key."""
        index = (offset - COMP0) // 4
        if offset == CTRL and value & _KEY:
            self._enabled = value & _ENABLE
        elif 0 <= index < _COMPARATORS:
            self._comparators[index] = value
        self._changed(self._addresses())

    def _addresses(self) -> set[int]:
        if not self._enabled:
            return set()
        active = [value for value in self._comparators if value & _ENABLE]
        low = {value & _ADDRESS for value in active if value & _LOW}
        return low | {(value & _ADDRESS) + 2 for value in active if value & _HIGH}
