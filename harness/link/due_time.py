"""When a computation is due to end, learned from the earlier ones."""

_FIRST = 0.001  # seconds until the first look at the first computation
_COARSE, _FINE = 1 / 4, 1 / 16  # pauses between looks, per second of the computation
_SHORTEST = 0.0002  # seconds between two looks
_PRECISION = 0.0005  # seconds; an access through a probe takes longer


class DueTime:
    """Plans the looks at computations that take about the same time.

    Nobody looks before the shortest one so far has passed. How long that is, is first known only
    coarsely: each look takes a cycle of the device's bus, so there are few. A look halfway between
    the longest time after which it still computed and the shortest after which it had ended
    improves it, in a few computations.
    """

    def __init__(self) -> None:
        self._computed = 0.0
        self._ended: float | None = None

    def first_look(self) -> float:
        """Return the seconds until the first look at a computation."""
        if self._ended is None:
            return _FIRST
        unknown = self._ended - self._computed
        if unknown > max(_PRECISION, _FINE * self._ended):
            return (self._computed + self._ended) / 2
        return self._ended

    def next_look(self, elapsed: float) -> float:
        """Return the seconds until the next look, `elapsed` seconds into a computation."""
        growth = _COARSE if self._ended is None else _FINE
        return max(growth * elapsed, _SHORTEST)

    def computes(self, elapsed: float) -> None:
        """Learn that a computation had not ended after `elapsed` seconds.

        The first one teaches nothing: it fills caches, and an emulator translates its code.
        """
        if self._ended is not None and elapsed < self._ended:
            self._computed = max(self._computed, elapsed)

    def ended(self, elapsed: float) -> None:
        """Learn that a computation had ended after `elapsed` seconds."""
        self._ended = min(elapsed, self._ended or elapsed)
        self._computed = min(self._computed, self._ended)
