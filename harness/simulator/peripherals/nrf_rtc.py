"""RTC of the nRF52840 (PS 1.7, 6.22): 24 bits at 32,768 Hz over PRESCALER + 1.

TICK is not modelled, nor that the low-frequency clock has to run.
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
_NEAR_WRAP = 0xFF_FFF0  # where TRIGOVRFLW puts the counter


class NrfRtc(NrfPeripheral):
    """A counter whose clock is derived from the core's; `changed` tells of a new deadline."""

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], changed: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._changed = changed
        self._first = self._seen = 0  # counts, beyond 24 bits: at `_since`, and when last looked
        self._since = 0  # ticks
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
        """Return when the next event comes that interrupts."""
        if not self._running:
            return None
        waited = [
            at for event, at in self._next() if self._is_in(self._enabled, event, happened=False)
        ]
        counts = min(waited, default=None)
        if counts is None:
            return None
        return self._since - -(counts - self._first) * self._divisor // _HERTZ

    def expire(self) -> None:
        """Count up to now, with the events on the way."""
        if not self._running:
            return
        passed = (self._clock.ticks() - self._since) * _HERTZ // self._divisor
        reached = self._first + passed
        for event, at in self._next():
            if at <= reached and self._is_in(self._enabled | self._routed, event):
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
        """Ticks of the core's clock in 32,768 counts."""
        return self._clock.hertz * (self._registers.get(_PRESCALER, 0) % (1 << 12) + 1)

    def _set(self, count: int) -> None:
        self._first = self._seen = count % _WRAP
        self._since = self._clock.ticks()

    def _next(self) -> Iterator[tuple[int, int]]:
        """Yield each event, and at which count after the last one seen it comes."""
        yield _OVRFLW, self._seen + _WRAP - self._seen % _WRAP
        for channel in range(_CHANNELS):
            compared = self._registers.get(_CC0 + 4 * channel, 0)
            left = (compared - self._seen) % _WRAP or _WRAP
            yield _COMPARE0 + 4 * channel, self._seen + left

    def _is_in(self, mask: int, event: int, *, happened: bool = True) -> bool:
        return bool(mask >> (event - EVENTS >> 2) & 1) and (happened or not self._happened(event))
