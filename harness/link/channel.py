"""The serial carrier: bytes to and from a descriptor, with a deadline on every wait."""

import os
import select
import time
from collections.abc import Callable

from harness.errors import HangError
from harness.link.device_clock import DeviceClock
from harness.support.process_activity import Activity

_READ_SIZE = 1 << 16
_GATHER = 0.0002  # seconds to wait for the rest of a frame; two bytes' time at 115200 baud
_WRITE_SLICE = 1.0  # seconds
_MOST_KEPT = 1 << 20  # bytes


class LineClosedError(HangError):
    """The other end of the line is gone: the emulator ended or the port was unplugged."""


class Channel:
    """The file descriptor of a device's serial line: socket, pseudo-terminal or port.

    The descriptor is switched to non-blocking; the caller closes it. `burst` is how many bytes
    the line handles well at once, if that is less than the device's window. `activity` returns what
    the emulator at the other end does; None for hardware.
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
        self._kept = b""
        self._clock = DeviceClock(activity)

    @property
    def host_time(self) -> float:
        """See `DeviceClock`."""
        return self._clock.host_time

    @property
    def device_time(self) -> float:
        """See `DeviceClock`."""
        return self._clock.device_time

    @property
    def looks(self) -> int:
        """No look at the device disturbs it: it sends by itself."""
        return 0

    @property
    def latency(self) -> float:
        """The bytes at the beginning and at the end of a computation take equally long."""
        return 0.0

    def rest(self, inferences: int = 1) -> None:
        """Do nothing: the host hears of the end of a computation by itself."""

    def gather(self) -> None:
        """Give the rest of a frame time to arrive.

        An emulator sends single bytes; waking up for each of them slows it down.
        """
        time.sleep(_GATHER)

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none."""
        timeout = max(timeout, 0)
        if self._kept:
            kept, self._kept = self._kept, b""
            return kept
        self._clock.will_wait(timeout)
        if not self._readable.poll(timeout * 1000):
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

    def keep(self, timeout: float) -> None:
        """Keep the bytes that come within `timeout` seconds for `read`; too many are lost."""
        kept, self._kept = self._kept, b""
        self._kept = (kept + self.read(timeout))[:_MOST_KEPT]

    def write(self, data: bytes, timeout: float) -> None:
        """Send all of `data`; `HangError` if that takes the device over `timeout` s."""
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
            raise HangError(
                f"the line did not accept all bytes within {timeout:g} s",
                where=self.name,
                remedy="does the device have power, and is its receiver running?",
            )
        wait = min(left, _WRITE_SLICE)
        self._clock.will_wait(wait)
        self._writable.poll(wait * 1000)

    def _closed(self, why: str) -> LineClosedError:
        return LineClosedError(f"the device closed the line ({why})", where=self.name)
