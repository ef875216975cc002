"""The cycle counter of the data watchpoint and trace unit (Armv7-M ARM, C1.8); no comparators.

It counts instructions, not cycles. The count is exact, and stands still while the core sleeps.
Armv6-M has no cycle counter: the register reads as zero, and writes are ignored.
"""

from collections.abc import Callable

CTRL, CYCCNT = 0x000, 0x004

_CYCCNTENA = 1 << 0
_NUMCOMP = 0  # bits 31 to 28
_MASK32 = 0xFFFF_FFFF


class Dwt:
    """The unit, with a cycle counter if it `has_counter`.

    `instructions` returns the instruction count, `traced` returns DEMCR.TRCENA.
    """

    def __init__(
        self,
        instructions: Callable[[], int],
        traced: Callable[[], bool],
        *,
        has_counter: bool,
    ) -> None:
        self._has_counter = has_counter
        self._instructions = instructions
        self._traced = traced
        self.reset()

    def reset(self) -> None:
        """Stop and clear."""
        self._control = 0
        self._value = 0
        self._since = 0
        self._counting = False

    def trace_changed(self) -> None:
        """Start or stop counting after a change of DEMCR.TRCENA."""
        self._set_counting(bool(self._control & _CYCCNTENA) and self._traced())

    def read(self, offset: int) -> int:
        """Return a register; missing registers read as zero."""
        if offset == CYCCNT:
            return self._count()
        return _NUMCOMP << 28 | self._control if offset == CTRL else 0

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if not self._has_counter:
            return
        if offset == CYCCNT:
            self._value = value
            self._since = self._instructions()
        elif offset == CTRL:
            self._control = value & 0x003F_FFFF
            self.trace_changed()

    def _count(self) -> int:
        elapsed = self._instructions() - self._since if self._counting else 0
        return self._value + elapsed & _MASK32

    def _set_counting(self, counting: bool) -> None:
        if counting != self._counting:
            self._value = self._count()
            self._since = self._instructions()
            self._counting = counting
