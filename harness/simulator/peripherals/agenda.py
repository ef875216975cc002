"""Events at certain ticks: what costs time is only a device that waits for one.

A chip has many devices with timers, and most of them stand still. Each puts its next event on the
chip's agenda; the core asks the agenda alone.
"""

from collections.abc import Callable

from harness.simulator.clock import Clock

_NEVER = (1 << 63) - 1


class Agenda:
    """The next events of a chip's devices by `clock`; `changed` interrupts a run that is too long.

    An event is a function without arguments; it is on the agenda once at most.
    """

    def __init__(self, clock: Clock, changed: Callable[[], None]) -> None:
        self.now = clock.ticks
        self._changed = changed
        self._events: dict[Callable[[], None], int] = {}
        self._next = _NEVER

    def reset(self) -> None:
        """Leave the events: each device changes its own when it is reset."""

    def put(self, event: Callable[[], None], tick: int | None) -> None:
        """Call `event` at `tick`, and not at another one; None takes it off the agenda."""
        if tick is None:
            if self._events.pop(event, None) == self._next:
                self._next = min(self._events.values(), default=_NEVER)
            return
        self._events[event] = tick
        if tick < self._next:
            self._next = tick
            self._changed()
        else:
            self._next = min(self._events.values())

    def deadline(self) -> int | None:
        """Return the tick of the next event."""
        return None if self._next == _NEVER else self._next

    def expire(self) -> None:
        """Call the events that are due, in their order; they may put others on the agenda."""
        while self._next <= self.now():
            event = min(self._events, key=self._events.__getitem__)
            self.put(event, None)
            event()
