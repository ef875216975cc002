"""The window watchdog of the STM32: RM0090 rev 19, 22.6; RM0351 rev 9, 37.4."""

from collections.abc import Callable

from harness.simulator.peripherals.agenda import Agenda

_CR, _CFR, _SR = 0x00, 0x04, 0x08
_WDGA, _EWI = 1 << 7, 1 << 9
_TOP, _LAST = 0x7F, 0x40  # the counter resets the chip when it goes below 0x40
_DIVISOR = 4096


class Wwdg:
    """The watchdog with interrupt `line`; `barks` resets the chip.

    `ticks` returns the ticks of the core in one of PCLK1.
    """

    def __init__(
        self,
        agenda: Agenda,
        line: Callable[[bool], None],
        barks: Callable[[], None],
        ticks: Callable[[], int],
    ) -> None:
        self._agenda = agenda
        self._line = line
        self._barks = barks
        self._ticks = ticks
        self.reset()

    def reset(self) -> None:
        """Stop."""
        self._running = self._early = False
        self._count, self._configuration = _TOP, _TOP
        self._since = 0
        self._agenda.put(self._expire, None)
        self._line(False)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == _CR:
            return (_WDGA if self._running else 0) | self._current()
        return {_CFR: self._configuration, _SR: int(self._early)}.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; writing CR refreshes the counter, and above the window resets."""
        if offset == _CR:
            window = self._configuration & _TOP
            if (self._running and self._current() > window) or (
                not value & _LAST and value & _WDGA
            ):
                self._barks()
                return
            self._running = self._running or bool(value & _WDGA)
            self._count, self._since = value & _TOP, self._agenda.now()
        elif offset == _CFR:
            self._count, self._since = self._current(), self._agenda.now()
            self._configuration = value & 0x3FF | self._configuration & _EWI
        elif offset == _SR:
            self._early = self._early and bool(value & 1)
            self._line(self._early and bool(self._configuration & _EWI))
        self._plan()

    def adjust(self) -> None:
        """Take over a new clock."""
        self._plan()

    @property
    def _step(self) -> int:
        """The ticks of one count."""
        return _DIVISOR * self._ticks() << (self._configuration >> 7 & 3)

    def _current(self) -> int:
        if not self._running:
            return self._count
        return max(self._count - (self._agenda.now() - self._since) // self._step, _LAST - 1)

    def _plan(self) -> None:
        if not self._running:
            return
        early = self._since + (self._count - _LAST) * self._step
        end = early + self._step
        self._agenda.put(self._expire, early if self._agenda.now() < early else end)

    def _expire(self) -> None:
        current = self._current()
        if current < _LAST:
            self._barks()
            return
        if current == _LAST:
            self._early = True
            self._line(bool(self._configuration & _EWI))
        self._plan()
