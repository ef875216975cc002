"""Time on a virtual board, in ticks of the core's clock.

An instruction takes one tick. While the core sleeps, ticks pass in real time: firmware that
waits for a timer really waits, and this process sleeps.
"""

import time
from collections.abc import Callable, Iterable
from typing import Protocol


class Clock:
    """Ticks at `hertz`; `instructions` returns the number of executed instructions."""

    def __init__(self, hertz: int, instructions: Callable[[], int]) -> None:
        self.hertz = hertz
        self.instructions = instructions
        self.slept = 0

    def ticks(self) -> int:
        """Return the ticks since power-on."""
        return self.instructions() + self.slept

    def sleep(self, deadline: int | None, wait: Callable[[float | None], bool]) -> None:
        """Let time pass until the tick `deadline`, if there is one.

        `wait` waits for that many seconds, and returns whether it ended before.
        """
        begin = self.ticks()
        timeout = None if deadline is None else max(deadline - begin, 0) / self.hertz
        since = time.monotonic()
        ended_before = wait(timeout)
        passed = int((time.monotonic() - since) * self.hertz)
        if deadline is not None:
            passed = min(passed, deadline - begin) if ended_before else deadline - begin
        self.slept += max(passed, 0)


class Timed(Protocol):
    """A device with events at certain ticks."""

    def deadline(self) -> int | None:
        """Return the tick of the next event; None if there is none."""

    def expire(self) -> None:
        """Handle the events that are due."""


def next_deadline(devices: Iterable[Timed]) -> int | None:
    """Return the tick of the next event of `devices`; None if there is none."""
    first = None
    for device in devices:
        deadline = device.deadline()
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first
