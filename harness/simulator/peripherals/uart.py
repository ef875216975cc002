"""The common part of the UARTs: a queue of received bytes, and a transmit function.

There is no baud rate: a byte is sent at once, and received bytes wait in the queue until the
firmware reads them. An enabled receiver therefore never overruns. A disabled receiver loses bytes,
as on silicon.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable

QUEUE = 4096
"""Bytes in the queue at which the line stops delivering."""

_MOST = 4 * QUEUE  # bytes in the queue of a UART that is not read; later ones are lost
ALL_UARTS = "ALL"
"""What stands for all UARTs of a chip, in place of a name."""

_IDLE_POLLS = 1000  # polls in a row without data, after which the firmware counts as waiting


class Uart(ABC):
    """The device's end of a serial line.

    Whoever connects it sets `transmit`, called for each sent byte, `drained`, called when the
    queue is half empty again, and `idle`, called while the firmware only polls.
    """

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
        """The number of received bytes that the firmware has not read."""
        return len(self._queue)

    @property
    def listens(self) -> bool:
        """Whether the receiver is on."""
        return self._receiving()

    def receive(self, data: bytes) -> None:
        """Receive bytes from the line; they are lost if the receiver is off, or nobody reads it."""
        if self._receiving():
            self._queue.extend(data[: max(_MOST - len(self._queue), 0)])
            self._received()

    @abstractmethod
    def _receiving(self) -> bool:
        """Return whether the receiver is on."""

    @abstractmethod
    def _received(self) -> None:
        """React to new bytes in the queue."""

    def _take(self) -> int:
        """Remove and return the oldest byte of the queue, which must not be empty."""
        byte = self._queue.popleft()
        if len(self._queue) == QUEUE // 2:
            self.drained()
        return byte

    def _request(self, level: bool) -> None:
        """Drive the interrupt line."""
        if level != self._level:
            self._level = level
            self._line(level)

    def _poll(self) -> None:
        """Count a poll without data; call `idle` after many in a row."""
        self._polls += 1
        if self._polls > _IDLE_POLLS:
            self.idle()

    def _active(self) -> None:
        """Restart the count of polls: the firmware does something else."""
        self._polls = 0


class Uarts:
    """Several UARTs on one serial line: it receives what any of them sends, and sends to all.

    Those that the firmware does not use are off, so that they neither send nor receive.
    """

    def __init__(self, uarts: Iterable[Uart]) -> None:
        self._uarts = list(uarts)

    @property
    def waiting(self) -> int:
        """The fewest received bytes that the firmware has not read from one of them.

        It may have switched the receiver of another one on, and never read it.
        """
        return min((uart.waiting for uart in self._uarts if uart.listens), default=0)

    def connect(
        self,
        transmit: Callable[[int], None],
        drained: Callable[[], None],
        idle: Callable[[], None],
    ) -> None:
        """Set the functions of each UART: see `Uart`."""
        for uart in self._uarts:
            uart.transmit, uart.drained, uart.idle = transmit, drained, idle

    def receive(self, data: bytes) -> None:
        """Pass bytes from the line to each UART."""
        for uart in self._uarts:
            uart.receive(data)
