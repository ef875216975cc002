"""A line to a device in this process, on a clock that only waiting and sending advance."""

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from harness.link.channel import Channel

RATE = 100_000
"""Bytes per second on the line: a device that floods it does not stop the clock."""

SLOW = 0.1
"""Of the time that counts for a device that is stopped."""

_TICK = 1e-6  # seconds; the clock goes on, however short a wait is

Sent = tuple[float, bytes]
"""Bytes of a device, and the seconds of silence before them."""


class Device(Protocol):
    """A device at the other end."""

    def starts(self) -> Iterator[Sent]:
        """Yield what it sends at its start."""

    def hears(self, data: bytes) -> Iterator[Sent]:
        """Yield what it sends because the host sent `data`; it may never end."""


class EndlessError(AssertionError):
    """The host reads after the limit of its call."""


class FakeLine(Channel):
    """The host's end of the line to `device`; `stopped` is when it stands still, if it does.

    At `limit`, a call of the host must have ended.
    """

    def __init__(self, device: Device, stopped: tuple[float, float] = (0, 0)) -> None:
        self.name = "hostile device"
        self.burst = None
        self.now = 0.0
        self.limit = float("inf")
        self._device = device
        self._stopped = stopped
        self._coming: deque[Iterator[Sent]] = deque([device.starts()])
        self._next: tuple[float, bytes] | None = None  # when it is there, and what

    @property
    def host_time(self) -> float:
        """The seconds since the start."""
        return self.now

    @property
    def device_time(self) -> float:
        """The seconds since the start in which the device does not stand still, and a share."""
        begin, end = self._stopped
        still = max(0.0, min(self.now, end) - begin)
        return self.now - (1 - SLOW) * still

    def gather(self) -> None:
        """Everything has arrived."""

    def read(self, timeout: float) -> bytes:
        """Return what arrives within `timeout` seconds."""
        if self.now > self.limit:
            raise EndlessError(f"a call goes on after {self.limit:.0f} s")
        until = self.now + max(timeout, _TICK)
        moment, data = self._upcoming()
        if moment > until:
            self.now = until
            return b""
        self._next = None
        self.now = max(self.now, moment) + len(data) / RATE
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """Let the device hear `data`; it ends what it says first."""
        self.now += len(data) / RATE
        self._coming.append(self._device.hears(data))

    def _upcoming(self) -> tuple[float, bytes]:
        """Return when the next bytes are there, and the bytes; the time is infinite for none."""
        while self._next is None and self._coming:
            sent = next(self._coming[0], None)
            if sent is None:
                self._coming.popleft()
                continue
            moment = self.now + sent[0]
            begin, end = self._stopped
            if begin <= moment < end:
                moment = end
            self._next = (moment, sent[1])
        return self._next or (float("inf"), b"")
