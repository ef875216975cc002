"""RTC of the nRF52840 (PS 1.7, 6.22): 24 bits at 32,768 Hz divided by PRESCALER + 1.

The counter also runs without the low-frequency clock. Tasks take effect at once.
"""

from collections.abc import Callable, Iterator

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral, event_bit

_START, _STOP, _CLEAR, _TRIGOVRFLW = 0x000, 0x004, 0x008, 0x00C
_TICK, _OVRFLW, _COMPARE0 = 0x100, 0x104, 0x140
_EVTEN, _EVTENSET, _EVTENCLR = 0x340, 0x344, 0x348
_COUNTER, _PRESCALER, _CC0 = 0x504, 0x508, 0x540
_HERTZ = 32_768
_WRAP = 1 << 24
_NEAR_WRAP = 0xFF_FFF0  # TRIGOVRFLW sets the counter to this


class NrfRtc(NrfPeripheral):
    """A counter with compare `channels`, which derives its time from the core's `clock`."""

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], agenda: Agenda, channels: int = 4
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._channels = range(channels)
        # Counts of more than 24 bits: at the tick `_since`, and at the last update.
        self._first = self._seen = 0
        self._since = 0
        super().__init__(line)

    def reset(self) -> None:
        """Stop at zero."""
        self._running = False
        self._generated = 0  # EVTEN
        super().reset()
        self._set(0)
        self._plan()

    def read(self, offset: int) -> int:
        """Return a register."""
        self._catch_up()
        if offset == _COUNTER:
            return self._seen % _WRAP
        return self._generated if offset in (_EVTEN, _EVTENSET, _EVTENCLR) else super().read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._catch_up()
        if offset == _EVTEN:
            self._generated = value
        elif offset == _EVTENSET:
            self._generated |= value
        elif offset == _EVTENCLR:
            self._generated &= ~value
        elif offset != _COUNTER:
            super().write(offset, value)
        self._plan()

    def route(self, events: int) -> None:
        """Publish these events, in time."""
        super().route(events)
        self._plan()

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
        yield _TICK, self._seen + 1
        yield _OVRFLW, self._seen + _WRAP - self._seen % _WRAP
        for channel in self._channels:
            compared = self._registers.get(_CC0 + 4 * channel, 0)
            left = (compared - self._seen) % _WRAP or _WRAP
            yield _COMPARE0 + 4 * channel, self._seen + left

    def _catch_up(self) -> None:
        """Count up to now, and trigger the events that INTEN or EVTEN selects."""
        if not self._running:
            return
        passed = (self._clock.ticks() - self._since) * _HERTZ // self._divisor
        reached = self._first + passed
        due = [event for event, count in self._next_events() if count <= reached]
        self._seen = reached
        for event in due:
            if (self._enabled | self._generated) & event_bit(event):
                self._event(event)

    def _plan(self) -> None:
        """Put the next event that must come in time on the agenda."""
        due = None
        if self._running:
            awaited = [count for event, count in self._next_events() if self._is_awaited(event)]
            if awaited:
                due = self._since - -(min(awaited) - self._first) * self._divisor // _HERTZ
        self._agenda.put(self._expire, due)

    def _expire(self) -> None:
        self._catch_up()
        self._plan()
