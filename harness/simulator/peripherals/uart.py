"""What every UART has in common: a queue of received bytes and a line to send on.

There is no baud rate: a byte is sent at once, and received bytes wait in the queue
until the firmware takes them. So a receiver that is enabled never overruns; one
that is not loses what comes, as in silicon.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

QUEUE = 4096
"""Bytes that wait before the line is asked to hold back."""

_IDLE_POLLS = 1000  # of an empty receiver in a row: the firmware is waiting


class Uart(ABC):
    """A device's end of a serial line; `transmit`, `drained`, `idle` are set by who connects it."""

    def __init__(self, line: Callable[[bool], None]) -> None:
        self.transmit: Callable[[int], None] = lambda _byte: None
        self.drained: Callable[[], None] = lambda: None
        self.idle: Callable[[], None] = lambda: None
        self._queue: deque[int] = deque()
        self._line = line
        self._level = False
        self._polls = 0

    @property
    def waiting(self) -> int:
        """Received bytes that the firmware has not taken."""
        return len(self._queue)

    def receive(self, data: bytes) -> None:
        """Take bytes from the line; they are lost if the receiver is off."""
        if self._receiving():
            self._queue.extend(data)
            self._received()

    @abstractmethod
    def _receiving(self) -> bool:
        """Tell whether the receiver is on."""

    @abstractmethod
    def _received(self) -> None:
        """Something was put into the queue."""

    def _take(self) -> int:
        """Return the oldest byte of the queue, which must not be empty."""
        byte = self._queue.popleft()
        if len(self._queue) == QUEUE // 2:
            self.drained()
        return byte

    def _request(self, level: bool) -> None:
        """Drive the interrupt."""
        if level != self._level:
            self._level = level
            self._line(level)

    def _poll(self) -> None:
        """The firmware looked and there was nothing: does it do nothing else?"""
        self._polls += 1
        if self._polls > _IDLE_POLLS:
            self.idle()

    def _active(self) -> None:
        self._polls = 0
