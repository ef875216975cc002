"""TIMER of the nRF52840 (PS 1.7, 6.30): 16 MHz divided by a power of two."""

from collections.abc import Callable

from harness.simulator.clock import Clock
from harness.simulator.peripherals.nrf import EVENTS, NrfPeripheral

_START, _STOP, _COUNT, _CLEAR, _SHUTDOWN, _CAPTURE0 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x40
_COMPARE0 = 0x140
_MODE, _BITMODE, _PRESCALER, _CC0 = 0x504, 0x508, 0x510, 0x540
_CHANNELS = 6
_HERTZ = 16_000_000
_BITS = (16, 8, 24, 32)
_SHORT_STOP = 8  # SHORTS of COMPARE[n]: bit n clears, bit n + 8 stops
_COUNTER_MODES = (1, 2)


class NrfTimer(NrfPeripheral):
    """A timer that derives its time from the core's clock; calls `changed` for a new deadline."""

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], changed: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._changed = changed
        super().__init__(line)

    def reset(self) -> None:
        """Stop at zero."""
        self._running = False
        self._count = 0
        self._since = 0
        super().reset()

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self.expire()
        self._update_count()
        super().write(offset, value)
        self._changed()

    def read(self, offset: int) -> int:
        """Return a register."""
        self.expire()
        return super().read(offset)

    def deadline(self) -> int | None:
        """Return the tick of the next match that has an effect."""
        if not self._running:
            return None
        channels = [n for n in range(_CHANNELS) if self._has_effect(n)]
        return min((self._matches_at(n) for n in channels), default=None)

    def expire(self) -> None:
        """Handle the matches that are due, the earliest first."""
        while self._running:
            now = self._clock.ticks()
            due = [
                (self._matches_at(n), n)
                for n in range(_CHANNELS)
                if self._matches_at(n) <= now and self._has_effect(n)
            ]
            if not due:
                return
            at, channel = min(due)
            self._count = (self._count + (at - self._since) // self._divider) & self._mask
            self._since = at
            self._event(_COMPARE0 + 4 * channel)
            if self._has_short(channel):
                self._count = 0
            if self._has_short(channel + _SHORT_STOP):
                self._running = False
            elif not self._has_short(channel):
                return

    def _task(self, offset: int) -> None:
        if offset == _START:
            self._running = True
        elif offset in (_STOP, _SHUTDOWN):
            self._running = False
        elif offset == _CLEAR:
            self._count = 0
        elif offset == _COUNT and self._registers.get(_MODE, 0) in _COUNTER_MODES:
            self._count = (self._count + 1) & self._mask
        elif _CAPTURE0 <= offset < _CAPTURE0 + 4 * _CHANNELS:
            self._registers[_CC0 + offset - _CAPTURE0] = self._count

    @property
    def _divider(self) -> int:
        """Ticks of the core's clock per tick of the timer."""
        return (self._clock.hertz // _HERTZ) << min(self._registers.get(_PRESCALER, 4), 9)

    @property
    def _mask(self) -> int:
        return (1 << _BITS[self._registers.get(_BITMODE, 0) & 3]) - 1

    def _has_effect(self, channel: int) -> bool:
        event = _COMPARE0 + 4 * channel
        shorts = self._has_short(channel) or self._has_short(channel + _SHORT_STOP)
        enabled = self._enabled >> (event - EVENTS >> 2) & 1
        compared = _CC0 + 4 * channel in self._registers
        return compared and (shorts or (bool(enabled) and not self._happened(event)))

    def _matches_at(self, channel: int) -> int:
        compared = self._registers.get(_CC0 + 4 * channel, 0) & self._mask
        remaining = (compared - self._count) & self._mask or self._mask + 1
        return self._since + remaining * self._divider

    def _update_count(self) -> None:
        """Bring the count up to date; keep the prescaler's phase."""
        now = self._clock.ticks()
        if not self._running or self._registers.get(_MODE, 0) in _COUNTER_MODES:
            self._since = now
            return
        passed = now - self._since
        self._count = (self._count + passed // self._divider) & self._mask
        self._since = now - passed % self._divider
