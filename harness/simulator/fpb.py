"""The flash patch and breakpoint unit: version 1 (Armv7-M ARM, C1.11) and 2 (Armv8-M ARM).

FP_REMAP says that the unit cannot remap, so the comparators for literals only keep their values.
The breakpoint unit of Armv6-M (DDI 0419) has the same registers as version 1.
"""

from collections.abc import Callable

CTRL, COMP0 = 0x000, 0x008

_REVISION = 28  # bits 31 to 28 of CTRL: the version minus one
_ENABLE, _KEY = 1 << 0, 1 << 1
_ADDRESS = 0x1FFF_FFFC
_LOW, _HIGH = 1 << 30, 1 << 31  # REPLACE: break at the lower or upper halfword


class Fpb:
    """The unit with this number of comparators for `breakpoints` and `literals`.

    It is of `version` 1 or 2. `changed` is called with the addresses of all active breakpoints.
    """

    def __init__(
        self,
        changed: Callable[[set[int]], None],
        breakpoints: int,
        version: int,
        *,
        literals: int = 0,
    ) -> None:
        self._changed = changed
        self._breakpoints = breakpoints
        self._literals = literals
        self._version = version
        self._enabled = 0
        self._comparators = [0] * (breakpoints + literals)

    def reset(self) -> None:
        """Clear everything."""
        self._enabled = 0
        self._comparators = [0] * len(self._comparators)
        self._changed(set())

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == CTRL:
            counts = self._literals << 8 | self._breakpoints << 4
            return (self._version - 1) << _REVISION | counts | self._enabled
        index = (offset - COMP0) // 4
        return self._comparators[index] if 0 <= index < len(self._comparators) else 0

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register; CTRL requires its key."""
        index = (offset - COMP0) // 4
        if offset == CTRL and value & _KEY:
            self._enabled = value & _ENABLE
        elif 0 <= index < len(self._comparators):
            self._comparators[index] = value
        self._changed(self._addresses())

    def _addresses(self) -> set[int]:
        if not self._enabled:
            return set()
        active = [value for value in self._comparators[: self._breakpoints] if value & _ENABLE]
        if self._version > 1:
            return {value & ~1 for value in active}
        low = {value & _ADDRESS for value in active if value & _LOW}
        return low | {(value & _ADDRESS) + 2 for value in active if value & _HIGH}
