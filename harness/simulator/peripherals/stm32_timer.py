"""STM32 general-purpose timers counting up: RM0090 rev 19, 18.4; the same in RM0351.

The timer's clock is the core's clock. Capture, compare, slave modes and other counting directions
are not modelled: their registers only store their value.
"""

from collections.abc import Callable

from harness.simulator.clock import Clock

_CR1, _DIER, _SR, _EGR, _CNT, _PSC, _ARR = 0x00, 0x0C, 0x10, 0x14, 0x24, 0x28, 0x2C
_CEN, _UDIS, _URS, _OPM = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_UIF, _UIE, _UG = 1 << 0, 1 << 0, 1 << 0


class Stm32Timer:
    """A timer of `bits` width with interrupt `line`; calls `changed` for a new deadline."""

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], changed: Callable[[], None], *, bits: int
    ) -> None:
        self._clock = clock
        self._line = line
        self._changed = changed
        self._top = (1 << bits) - 1
        self.reset()

    def reset(self) -> None:
        """Stop at zero, with the longest period."""
        self._registers = {_ARR: self._top}
        self._prescaler = 0  # the active one; an update event loads it from PSC
        self._count = 0
        self._since = 0  # tick at which `_count` was valid
        self._line(False)

    def read(self, offset: int) -> int:
        """Return a register."""
        self.expire()
        if offset == _CNT:
            return self._current_count()
        return 0 if offset == _EGR else self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; SR's bits are cleared by zeros."""
        return 0xFFFF_FFFF if offset == _SR else self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self.expire()
        self._update_count()
        if offset == _EGR:
            if value & _UG:
                self._update(flag=not self._registers.get(_CR1, 0) & _URS)
        elif offset == _CNT:
            self._count = value & self._top
        elif offset == _SR:
            self._registers[_SR] = self._registers.get(_SR, 0) & value
        elif offset == _ARR:
            self._registers[_ARR] = value & self._top
        else:
            self._registers[offset] = value
        self._drive()
        self._changed()

    def deadline(self) -> int | None:
        """Return the tick of the next update event that has an effect."""
        if not self._running or self._registers.get(_CR1, 0) & _UDIS:
            return None
        if not self._registers.get(_DIER, 0) & _UIE and not self._one_pulse:
            return None
        if self._registers.get(_SR, 0) & _UIF and not self._one_pulse:
            return None
        return self._overflow_at

    def expire(self) -> None:
        """Trigger the update event if it is due."""
        if self._running and self._clock.ticks() >= self._overflow_at:
            period = (self._registers[_ARR] + 1) * self._divider
            late = self._clock.ticks() - self._overflow_at
            at = self._overflow_at + late // period * period
            self._update(flag=True)
            self._since = at
            if self._one_pulse:
                self._registers[_CR1] &= ~_CEN
            self._drive()

    @property
    def _running(self) -> bool:
        return bool(self._registers.get(_CR1, 0) & _CEN)

    @property
    def _one_pulse(self) -> bool:
        return bool(self._registers.get(_CR1, 0) & _OPM)

    @property
    def _divider(self) -> int:
        return self._prescaler + 1

    @property
    def _overflow_at(self) -> int:
        """The tick of the next overflow. A count above ARR first counts to the top (18.3.2)."""
        auto_reload = self._registers[_ARR]
        last = auto_reload if self._count <= auto_reload else self._top
        return self._since + (last + 1 - self._count) * self._divider

    def _current_count(self) -> int:
        if not self._running:
            return self._count
        return (self._count + (self._clock.ticks() - self._since) // self._divider) & self._top

    def _update_count(self) -> None:
        """Bring the count up to date; keep the prescaler's phase."""
        now = self._clock.ticks()
        if self._running:
            passed = now - self._since
            self._count = (self._count + passed // self._divider) & self._top
            self._since = now - passed % self._divider
        else:
            self._since = now

    def _update(self, *, flag: bool) -> None:
        self._count = 0
        self._since = self._clock.ticks()
        self._prescaler = self._registers.get(_PSC, 0) & 0xFFFF
        if flag and not self._registers.get(_CR1, 0) & _UDIS:
            self._registers[_SR] = self._registers.get(_SR, 0) | _UIF

    def _drive(self) -> None:
        pending = self._registers.get(_SR, 0) & self._registers.get(_DIER, 0) & _UIF
        self._line(bool(pending))
