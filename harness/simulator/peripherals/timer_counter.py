"""The counter of an STM32 timer: prescaler, auto-reload, direction (RM0090 rev 19, 17.3 and 18.3).

It counts in segments. In the edge-aligned modes a segment has ARR + 1 counts and ends with an
overflow or underflow; in the centre-aligned ones it has ARR counts and changes the direction.
"""

from collections.abc import Callable, Sequence


class TimerCounter:
    """A counter up to `top` at most; it calls `updated` for each update event.

    `ticks` is one tick of the timer's clock in those of `now`. `prescaler`, `reload` and `repeat`
    are the active values, without preload.
    """

    def __init__(self, now: Callable[[], int], top: int, updated: Callable[[], None]) -> None:
        self._now = now
        self._top = top
        self._updated = updated
        self.ticks = 1
        self.reset()

    def reset(self) -> None:
        """Stop at zero, counting up, with the longest period."""
        self.prescaler = self.repeat = 0
        self.reload = self._top
        self.running = self.down = False
        self._centred = False
        self._repeats = 0  # ends of segments without an update event that are left
        self._place = 0  # in the segment, at the tick `_since`
        self._since = self._now()

    def run(self, running: bool) -> None:
        """Start or stop."""
        if running != self.running:
            self.running = running
            self._since = self._now()

    def set_direction(self, *, down: bool, centred: bool) -> None:
        """Select the mode; the centre-aligned modes change the direction themselves."""
        centred_before, self._centred = self._centred, centred
        if not centred and (down != self.down or centred_before):
            value = self._value(self._place)
            self.down = down
            self.move(value)

    def value(self) -> int:
        """Return the count at the last `settle`."""
        return self._value(self._place)

    def value_at(self, tick: int) -> int:
        """Return the count at `tick`, shortly before the last `settle`."""
        place = self._place - (self._since - tick) // self._divider if self.running else self._place
        return self._value(place % (self.reload + 1))

    def move(self, value: int) -> None:
        """Set the count."""
        value &= self._top
        self._place = max(self.reload - value, 0) if self.down else value

    def restart(self) -> None:
        """Start a period again, with the prescaler at zero."""
        if self._centred:
            self.down = False
        self._place = 0
        self._since = self._now()
        self._repeats = self.repeat

    def end_tick(self) -> int:
        """Return the tick of the end of the segment; the counter must run."""
        return self._since + (self._length - self._place) * self._divider

    def tick_of(self, value: int) -> int | None:
        """Return the tick at which the count becomes `value`, in this segment or the next one."""
        if value > self.reload:
            return None
        place = self.reload - value if self.down else value
        if place <= self._place:
            if self._centred:
                return self.end_tick()  # look again there
            place += self._length
        return self._since + (place - self._place) * self._divider

    def settle(self, values: Sequence[int]) -> list[int]:
        """Count up to now; return the indices of the `values` that the count has become."""
        matched: set[int] = set()
        while self.running and self.reload:
            passed = (self._now() - self._since) // self._divider
            if passed <= 0:
                break
            to_go = self._length - self._place
            if passed < to_go:
                self._match(matched, values, self._place + 1, self._place + passed)
                self._place += passed
                self._since += passed * self._divider
                break
            self._match(matched, values, self._place + 1, self._length - 1)
            self._since += to_go * self._divider
            self._end_segment()
            self._match(matched, values, 0, 0)
            self._skip(matched, values)
        return sorted(matched)

    @property
    def _divider(self) -> int:
        return (self.prescaler + 1) * self.ticks

    @property
    def _length(self) -> int:
        """The counts of this segment. A count above ARR first counts to the top (18.3.2)."""
        if self._centred:
            return max(self.reload, 1)
        return (self.reload if self._place <= self.reload else self._top) + 1

    def _value(self, place: int) -> int:
        return self.reload - place if self.down else place

    def _match(self, matched: set[int], values: Sequence[int], first: int, last: int) -> None:
        for index, value in enumerate(values):
            place = self.reload - value if self.down else value
            if first <= place <= last:
                matched.add(index)

    def _end_segment(self) -> None:
        self._place = 0
        if self._centred:
            self.down = not self.down
        if self._repeats:
            self._repeats -= 1
        else:
            self._updated()
            self._repeats = self.repeat

    def _skip(self, matched: set[int], values: Sequence[int]) -> None:
        """Skip the periods that have passed completely; their events are those of one."""
        if not self.running or not self.reload:
            return
        period = self._length * self._divider * (2 if self._centred else 1)
        periods = (self._now() - self._since) // period
        if periods <= 1:
            return
        self._since += (periods - 1) * period
        ends = (periods - 1) * (2 if self._centred else 1)
        if ends > self._repeats:
            self._updated()
            self._repeats = self.repeat - (ends - self._repeats - 1) % (self.repeat + 1)
        else:
            self._repeats -= ends
        self._match(matched, values, 0, self._length)
