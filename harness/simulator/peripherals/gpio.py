"""Pins: the level of every output, and a log of its edges.

A virtual energy meter needs the edges of the firmware's trigger pin. STM32: RM0090, 8.4; the
same in RM0351, 8.5.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

LOG_EDGES = 4096
"""Edges that the log keeps."""

_IDR, _ODR, _BSRR, _BRR = 0x10, 0x14, 0x18, 0x28


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


class Stm32Gpio:
    """A port of an STM32; `name` is, for example, "PB". An input reads its output's level."""

    def __init__(self, name: str, pins: Pins) -> None:
        self._name = name
        self._pins = pins
        self._registers: dict[int, int] = {}
        self._output = 0

    def reset(self) -> None:
        """Set all outputs low."""
        self._registers.clear()
        self._set(0)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset in (_IDR, _ODR):
            return self._output
        return 0 if offset in (_BSRR, _BRR) else self._registers.get(offset, 0)

    peek = read

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        if offset == _ODR:
            self._set(value & 0xFFFF)
        elif offset == _BSRR:  # set has priority over reset
            self._set(self._output & ~(value >> 16) | value & 0xFFFF)
        elif offset == _BRR:
            self._set(self._output & ~value & 0xFFFF)
        else:
            self._registers[offset] = value

    def _set(self, output: int) -> None:
        self._pins.changed(self._name, self._output, output)
        self._output = output
