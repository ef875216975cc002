"""A clock with a frequency of its own, such as an LSI: it counts cycles in ticks of the core."""

from harness.simulator.clock import Clock


class SlowClock:
    """Cycles of a clock with `hertz`, counted by the core's `clock`.

    Both frequencies can change; `adjust` must be called when the core's does.
    """

    def __init__(self, clock: Clock, hertz: int) -> None:
        self._clock = clock
        self._hertz = hertz
        self._core_hertz = clock.hertz
        self._since = clock.ticks()
        self._before = 0  # cycles before that tick

    def cycles(self) -> int:
        """Return the cycles since the start."""
        passed = self._clock.ticks() - self._since
        return self._before + passed * self._hertz // self._core_hertz

    def tick_of(self, cycle: int) -> int:
        """Return the first tick at which `cycles` returns `cycle`; the clock must run."""
        return self._since - -(cycle - self._before) * self._core_hertz // self._hertz

    @property
    def hertz(self) -> int:
        """The frequency in Hz; 0 while it stands still."""
        return self._hertz

    def adjust(self, hertz: int | None = None) -> None:
        """Take over the core's frequency, and set its own to `hertz`."""
        self._before = self.cycles()
        self._since = self._clock.ticks()
        self._core_hertz = self._clock.hertz
        if hertz is not None:
            self._hertz = hertz
