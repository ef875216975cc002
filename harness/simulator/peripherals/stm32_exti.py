"""The extended interrupt controller of the STM32: RM0090 rev 19, 12.3; RM0351 rev 9, 14.5.

The registers of the STM32L4's second group of lines, and the event mask, only store their values.
"""

from collections.abc import Callable, Mapping

_IMR, _RTSR, _FTSR, _SWIER, _PR = 0x00, 0x08, 0x0C, 0x10, 0x14
PINS = 16


class Exti:
    """The controller; `lines` are the interrupts of its lines, which can share one.

    `selected` returns the port, counted from 0, that SYSCFG selects for one of the 16 lines of
    pins. `unmasked` are IMR's bits after reset.
    """

    def __init__(
        self,
        lines: Mapping[int, Callable[[bool], None]],
        selected: Callable[[int], int],
        unmasked: int = 0,
    ) -> None:
        self._groups: dict[Callable[[bool], None], int] = {}
        for number, line in lines.items():
            self._groups[line] = self._groups.get(line, 0) | 1 << number
        self._selected = selected
        self._unmasked = unmasked
        self.reset()

    def reset(self) -> None:
        """Disable all lines."""
        self._registers = {_IMR: self._unmasked}
        self._pending = 0
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register."""
        return self._pending if offset == _PR else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; PR's bits are cleared by ones."""
        return 0 if offset == _PR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _PR:
            self._pending &= ~value
            self._registers[_SWIER] = self._registers.get(_SWIER, 0) & ~value
            self._drive()
        elif offset == _SWIER:
            new = value & ~self._registers.get(_SWIER, 0)
            self._registers[_SWIER] = value
            self._trigger(new)
        else:
            self._registers[offset] = value
            self._drive()

    def moved(self, port: int, before: int, after: int) -> None:
        """Detect the edges when the levels of the pins of `port` change."""
        rising = after & ~before & self._registers.get(_RTSR, 0)
        falling = before & ~after & self._registers.get(_FTSR, 0)
        edges = (rising | falling) & 0xFFFF
        if edges:
            lines = (n for n in range(PINS) if edges >> n & 1 and self._selected(n) == port)
            self._trigger(sum(1 << number for number in lines))

    def pulse(self, line: int) -> None:
        """Detect the rising edge of an internal `line`, such as that of an RTC alarm."""
        self._trigger(1 << line & self._registers.get(_RTSR, 0))

    def _trigger(self, lines: int) -> None:
        self._pending |= lines & self._registers.get(_IMR, 0)
        self._drive()

    def _drive(self) -> None:
        pending = self._pending & self._registers.get(_IMR, 0)
        for line, lines in self._groups.items():
            line(bool(pending & lines))
