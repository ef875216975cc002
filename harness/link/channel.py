"""Bytes to and from a device, with a deadline on every wait."""

import os
import select
import time
from collections.abc import Callable

from harness.errors import InfrastructureError
from harness.support.process_activity import Activity

_READ_SIZE = 1 << 16
_GATHER = 0.0002  # seconds to wait for the rest of a frame; two bytes' time at 115200 baud
_LATE = 0.25  # seconds by which this process may wake up late on a busy machine
_WRITE_SLICE = 1.0  # seconds
_SHORT = 0.1  # seconds; a shorter wait is not worth a look at the emulator
_STARVED = 0.1  # of the time that counts for an emulator that gets no CPU


class LineClosedError(InfrastructureError):
    """The other end of the line is gone: the emulator ended or the port was unplugged."""


class Channel:
    """The file descriptor of a device's serial line: socket, pseudo-terminal or port.

    The descriptor is switched to non-blocking; the caller closes it. `burst` is how many bytes
    the line handles well at once, if that is less than the device's window. `activity` returns what
    the emulator at the other end does; None for hardware.

    The channel has two clocks. `host_time` is that of this process: it stands still while the
    process is stopped, because a late answer is then not the device's fault. `device_time` is
    the time in which the device could have answered: for an emulator, the CPU time that it gets.
    """

    def __init__(
        self,
        descriptor: int,
        *,
        name: str,
        burst: int | None = None,
        activity: Callable[[], Activity | None] = lambda: None,
    ) -> None:
        self.name = name
        self.burst = burst
        self._descriptor = descriptor
        self._readable = select.poll()
        self._readable.register(descriptor, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)
        os.set_blocking(descriptor, False)
        self._activity = activity
        self._last_activity = activity()
        self._last = time.monotonic()
        self._asked = 0.0
        self._host_time = 0.0
        self._device_time = 0.0

    @property
    def host_time(self) -> float:
        """Seconds in which this process could read."""
        self._count()
        return self._host_time

    @property
    def device_time(self) -> float:
        """Seconds in which the device could answer: a tenth of `host_time`, or more."""
        self._count()
        return self._device_time

    def gather(self) -> None:
        """Give the rest of a frame time to arrive.

        An emulator sends single bytes; waking up for each of them slows it down.
        """
        time.sleep(_GATHER)

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none."""
        self._count()
        self._asked = max(timeout, 0)
        if not self._readable.poll(self._asked * 1000):
            return b""
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._closed(str(error.strerror)) from error
        if not data:
            raise self._closed("end of file")
        return data

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `InfrastructureError` if that takes the device over `timeout` s."""
        view = memoryview(data)
        end = self.device_time + timeout
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                self._wait_writable(end, timeout)
            except OSError as error:
                raise self._closed(str(error.strerror)) from error

    def _wait_writable(self, end: float, timeout: float) -> None:
        left = end - self.device_time
        if left <= 0:
            raise InfrastructureError(
                f"the line did not accept all bytes within {timeout:g} s",
                where=self.name,
                remedy="does the device have power, and is its receiver running?",
            )
        self._asked = min(left, _WRITE_SLICE)
        self._writable.poll(self._asked * 1000)

    def _count(self) -> None:
        """Advance both clocks by the time since the last call."""
        now = time.monotonic()
        elapsed = min(now - self._last, self._asked + _LATE)
        self._last, self._asked = now, 0.0
        self._host_time += elapsed
        self._device_time += elapsed if elapsed <= _SHORT else self._computed(elapsed)

    def _computed(self, elapsed: float) -> float:
        """Return how many of the `elapsed` seconds count for the device."""
        before, now = self._last_activity, self._activity()
        self._last_activity = now
        if before is None or now is None or now.idle:
            return elapsed
        return max(min(now.seconds - before.seconds, elapsed), _STARVED * elapsed)

    def _closed(self, why: str) -> LineClosedError:
        return LineClosedError(f"the device closed the line ({why})", where=self.name)
