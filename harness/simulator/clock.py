"""Time on a virtual board, in ticks of the core's clock.

An instruction takes one tick. While the core sleeps, ticks pass as they do on the
wall, so that a firmware that waits for a timer waits, and this process sleeps.
"""

from collections.abc import Callable
from typing import Protocol


class Clock:
    """`hertz` of the core; `instructions` tells how many were executed."""

    def __init__(self, hertz: int, instructions: Callable[[], int]) -> None:
        self.hertz = hertz
        self.instructions = instructions
        self.slept = 0

    def ticks(self) -> int:
        """Return the ticks since power-on."""
        return self.instructions() + self.slept


class Timed(Protocol):
    """A device in which something happens by itself when its time has come."""

    def deadline(self) -> int | None:
        """Return the tick at which something happens, if anything will."""

    def expire(self) -> None:
        """Let happen what is due."""
