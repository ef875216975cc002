"""The independent watchdog of the STM32: RM0090 rev 19, 21.4; RM0351 rev 9, 36.4.

It runs from the LSI, in the time of the core's clock.
"""

from collections.abc import Callable

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.slow_clock import SlowClock

_KR, _PR, _RLR, _SR, _WINR = range(0x00, 0x14, 4)
_RELOAD, _UNLOCK, _START = 0xAAAA, 0x5555, 0xCCCC
_TOP = 0xFFF
_LONGEST = 6  # PR


class Iwdg:
    """The watchdog; `barks` resets the chip. On chips without a window, `has_window` is False."""

    def __init__(
        self, agenda: Agenda, clock: SlowClock, barks: Callable[[], None], *, has_window: bool
    ) -> None:
        self._agenda = agenda
        self._clock = clock
        self._barks = barks
        self._has_window = has_window
        self.reset()

    def reset(self) -> None:
        """Stop."""
        self._prescaler, self._reload, self._window = 0, _TOP, _TOP
        self._unlocked = self._running = False
        self._since = 0
        self._agenda.put(self._bark, None)

    def read(self, offset: int) -> int:
        """Return a register; updates (SR) take no time."""
        if offset == _WINR and self._has_window:
            return self._window
        return {_PR: self._prescaler, _RLR: self._reload}.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register; KR's keys start, refresh, and unlock the others."""
        if offset == _KR:
            self._unlocked = value == _UNLOCK
            if value == _START:
                self._running = True
            if value in (_START, _RELOAD):
                self._refresh()
        elif self._unlocked:
            if offset == _PR:
                self._prescaler = min(value & 7, _LONGEST)
            elif offset == _RLR:
                self._reload = value & _TOP
            elif offset == _WINR and self._has_window:
                self._window = value & _TOP
                self._refresh()
            self._plan()

    def adjust(self) -> None:
        """Take over a new clock of the core."""
        self._clock.adjust()
        self._plan()

    @property
    def _divisor(self) -> int:
        return 4 << self._prescaler

    def _refresh(self) -> None:
        """Count down from the reload value; above the window, this is an error."""
        now = self._clock.cycles()
        count = self._reload - (now - self._since) // self._divisor
        if self._running and self._since and count > self._window:
            self._bark()
            return
        self._since = max(now, 1)
        self._plan()

    def _plan(self) -> None:
        if self._running:
            end = self._since + (self._reload + 1) * self._divisor
            self._agenda.put(self._bark, self._clock.tick_of(end))

    def _bark(self) -> None:
        self._barks()
