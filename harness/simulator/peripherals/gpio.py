"""Pins: a log of the edges of every output.

A virtual energy meter needs the edges of the firmware's trigger pin.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LOG_EDGES = 4096
"""Edges that the log keeps."""


@dataclass(frozen=True)
class Edge:
    """Output `pin`, such as "PB0", went high or low after this number of instructions."""

    pin: str
    high: bool
    instructions: int


class Pins:
    """The outputs of a chip; `instructions` returns the time stamp of an edge.

    `on_change` is called with pin and level at each edge.
    """

    def __init__(self, instructions: Callable[[], int]) -> None:
        self.log: deque[Edge] = deque(maxlen=LOG_EDGES)
        self.on_change: Callable[[str, bool], None] = lambda _pin, _high: None
        self._instructions = instructions

    def changed(self, port: str, before: int, after: int) -> None:
        """Log the edges when the outputs of `port` change from `before` to `after`."""
        different = before ^ after
        if not different:
            return
        now = self._instructions()
        for bit in range(different.bit_length()):
            if different >> bit & 1:
                edge = Edge(f"{port}{bit}", bool(after >> bit & 1), now)
                self.log.append(edge)
                self.on_change(edge.pin, edge.high)
