"""RTC of the nRF52840 (PS 1.7, 6.22): 24 bits at 32,768 Hz divided by PRESCALER + 1.

The TICK event is not modelled. The counter also runs without the low-frequency clock.
"""

from collections.abc import Callable, Iterator

from harness.simulator.clock import Clock
from harness.simulator.peripherals.nrf import EVENTS, NrfPeripheral

_START, _STOP, _CLEAR, _TRIGOVRFLW = 0x000, 0x004, 0x008, 0x00C
_OVRFLW, _COMPARE0 = 0x104, 0x140
_EVTEN, _EVTENSET, _EVTENCLR = 0x340, 0x344, 0x348
_COUNTER, _PRESCALER, _CC0 = 0x504, 0x508, 0x540
_CHANNELS = 4
_HERTZ = 32_768
_WRAP = 1 << 24
_NEAR_WRAP = 0xFF_FFF0  # TRIGOVRFLW sets the counter to this


class NrfRtc(NrfPeripheral):
    """A counter that derives its time from the core's clock; calls `changed` for a new deadline."""

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], changed: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._changed = changed
        # Counts of more than 24 bits: at the tick `_since`, and at the last update.
        self._first = self._seen = 0
        self._since = 0
        super().__init__(line)

    def reset(self) -> None:
        """Stop at zero."""
        self._running = False
        self._routed = 0  # EVTEN
        self._set(0)
        super().reset()

    def read(self, offset: int) -> int:
        """Return a register."""
        self.expire()
        if offset == _COUNTER:
            return self._seen % _WRAP
        return self._routed if offset in (_EVTEN, _EVTENSET, _EVTENCLR) else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self.expire()
        if offset == _EVTEN:
            self._routed = value
        elif offset == _EVTENSET:
            self._routed |= value
        elif offset == _EVTENCLR:
            self._routed &= ~value
        elif offset != _COUNTER:
            super().write(offset, value)
        self._changed()

    def deadline(self) -> int | None:
        """Return the tick of the next event with an enabled interrupt."""
        if not self._running:
            return None
        enabled = self._enabled
        counts = min(
            (
                count
                for event, count in self._next_events()
                if self._selects(enabled, event) and not self._happened(event)
            ),
            default=None,
        )
        if counts is None:
            return None
        return self._since - -(counts - self._first) * self._divisor // _HERTZ

    def expire(self) -> None:
        """Update the count, and trigger the events that are due."""
        if not self._running:
            return
        passed = (self._clock.ticks() - self._since) * _HERTZ // self._divisor
        reached = self._first + passed
        for event, count in self._next_events():
            if count <= reached and self._selects(self._enabled | self._routed, event):
                self._event(event)
        self._seen = reached

    def _task(self, offset: int) -> None:
        if offset == _START and not self._running:
            self._running = True
            self._set(self._seen)
        elif offset == _STOP:
            self._running = False
        elif offset == _CLEAR:
            self._set(0)
        elif offset == _TRIGOVRFLW:
            self._set(_NEAR_WRAP)

    @property
    def _divisor(self) -> int:
        """Ticks of the core's clock per 32,768 counts."""
        return self._clock.hertz * (self._registers.get(_PRESCALER, 0) % (1 << 12) + 1)

    def _set(self, count: int) -> None:
        self._first = self._seen = count % _WRAP
        self._since = self._clock.ticks()

    def _next_events(self) -> Iterator[tuple[int, int]]:
        """Yield each event with the count at which it comes next."""
        yield _OVRFLW, self._seen + _WRAP - self._seen % _WRAP
        for channel in range(_CHANNELS):
            compared = self._registers.get(_CC0 + 4 * channel, 0)
            left = (compared - self._seen) % _WRAP or _WRAP
            yield _COMPARE0 + 4 * channel, self._seen + left

    @staticmethod
    def _selects(mask: int, event: int) -> bool:
        return bool(mask >> (event - EVENTS >> 2) & 1)
