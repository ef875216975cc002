"""TIMER of the nRF52840 (PS 1.7, 6.30): 16 MHz divided by a power of two, or a counter of tasks."""

from collections.abc import Callable, Mapping

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral

_START, _STOP, _COUNT, _CLEAR, _SHUTDOWN, _CAPTURE0 = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x40
_COMPARE0 = 0x140
_MODE, _BITMODE, _PRESCALER, _CC0 = 0x504, 0x508, 0x510, 0x540
_HERTZ = 16_000_000
_BITS = (16, 8, 24, 32)
_SHORT_STOP = 8  # SHORTS of COMPARE[n]: bit n clears, bit n + 8 stops
_COUNTER_MODES = (1, 2)
_PRESCALER_RESET, _MOST_DIVIDED = 4, 9


class NrfTimer(NrfPeripheral):
    """A timer with compare `channels`, which derives its time from the core's `clock`.

    Only a match that interrupts or that the PPI routes is on the `agenda`; the others are found
    when the firmware looks.
    """

    initial: Mapping[int, int] = {_PRESCALER: _PRESCALER_RESET}

    def __init__(
        self, clock: Clock, line: Callable[[bool], None], agenda: Agenda, channels: int = 4
    ) -> None:
        self._clock = clock
        self._agenda = agenda
        self._channels = range(channels)
        super().__init__(line)

    def reset(self) -> None:
        """Stop at zero."""
        self._running = False
        self._count = 0
        self._since = 0  # the tick at which the count was `_count`
        super().reset()
        self._plan()

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._catch_up()
        super().write(offset, value)
        self._plan()

    def read(self, offset: int) -> int:
        """Return a register."""
        self._catch_up()
        return super().read(offset)

    def route(self, events: int) -> None:
        """Publish these events, in time."""
        super().route(events)
        self._plan()

    def _task(self, offset: int) -> None:
        if offset == _START:
            if not self._running:
                self._running = True
                self._since = self._clock.ticks()
        elif offset in (_STOP, _SHUTDOWN):
            self._running = False
        elif offset == _CLEAR:
            self._count = 0
        elif offset == _COUNT:
            if self._running and self._counts_tasks:
                self._step(1)
        elif _CAPTURE0 <= offset < _CAPTURE0 + 4 * len(self._channels):
            self._registers[_CC0 + offset - _CAPTURE0] = self._count

    @property
    def _counts_tasks(self) -> bool:
        return self._registers.get(_MODE, 0) in _COUNTER_MODES

    @property
    def _divider(self) -> int:
        """Ticks of the core's clock per tick of the timer."""
        return self._clock.hertz // _HERTZ << min(self._registers[_PRESCALER], _MOST_DIVIDED)

    @property
    def _mask(self) -> int:
        return (1 << _BITS[self._registers.get(_BITMODE, 0) & 3]) - 1

    def _compared(self, channel: int) -> int:
        return self._registers.get(_CC0 + 4 * channel, 0) & self._mask

    def _catch_up(self) -> None:
        """Count up to now; the matches on the way have their effects."""
        silent = False  # whether the lap until now changed nothing
        while self._running and not self._counts_tasks:
            divider = self._divider
            left = (self._clock.ticks() - self._since) // divider
            if left == 0:
                return
            counts = min(left, self._to_next_match())
            if self._count == 0 and silent and self._lap():
                self._since += left // self._lap() * self._lap() * divider
                silent = False
                continue
            before = self._events
            self._since += counts * divider
            self._step(counts)
            silent = self._count == 0 and before == self._events and not self.routed

    def _step(self, counts: int) -> None:
        """Count `counts` further, which is at most up to the next match."""
        self._count = (self._count + counts) & self._mask
        matching = [n for n in self._channels if self._compared(n) == self._count]
        for channel in matching:
            self._event(_COMPARE0 + 4 * channel)
            if self._has_short(channel + _SHORT_STOP):
                self._running = False
        if any(self._has_short(channel) for channel in matching):
            self._count = 0

    def _to_next_match(self) -> int:
        return min(self._distance(channel) for channel in self._channels)

    def _distance(self, channel: int) -> int:
        """Return the counts until the counter next equals CC[channel], if nothing clears it."""
        return (self._compared(channel) - self._count) & self._mask or self._mask + 1

    def _lap(self) -> int:
        """Return the counts from zero to the first match that clears; zero if there is none."""
        clearing = [self._compared(n) for n in self._channels if self._has_short(n)]
        return min(clearing, default=0)

    def _to_match(self, channel: int) -> int | None:
        """Return the counts until the match of `channel`; None if it never comes."""
        distance = self._distance(channel)
        clears = [n for n in self._channels if self._has_short(n)]
        first = min((self._distance(n) for n in clears), default=distance)
        if distance <= first:
            return distance
        compared = self._compared(channel)
        return first + compared if 0 < compared <= self._lap() else None

    def _plan(self) -> None:
        """Put the next match that must come in time on the agenda."""
        due = None
        if self._running and not self._counts_tasks:
            awaited = [n for n in self._channels if self._is_awaited(_COMPARE0 + 4 * n)]
            counts = [c for n in awaited if (c := self._to_match(n)) is not None]
            if counts:
                due = self._since + min(counts) * self._divider
        self._agenda.put(self._expire, due)

    def _expire(self) -> None:
        self._catch_up()
        self._plan()
