"""Bytes to and from a device, with a deadline on every wait."""

import os
import select

from harness.errors import InfrastructureError

_READ_SIZE = 1 << 16


class LineClosedError(InfrastructureError):
    """The other end of the line is gone: the emulator ended or the port was unplugged."""


class Channel:
    """The file descriptor of a device's serial line: socket, pseudo-terminal or port.

    The descriptor is switched to non-blocking; the caller closes it. `burst` is how many bytes
    the line handles well at once, if that is less than the device's window.
    """

    def __init__(self, descriptor: int, *, name: str, burst: int | None = None) -> None:
        self.name = name
        self.burst = burst
        self._descriptor = descriptor
        self._readable = select.poll()
        self._readable.register(descriptor, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(descriptor, select.POLLOUT)
        os.set_blocking(descriptor, False)

    def read(self, timeout: float) -> bytes:
        """Return the bytes received, waiting up to `timeout` seconds; b"" if there are none."""
        if not self._readable.poll(max(timeout, 0) * 1000):
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
        """Send all of `data`; `InfrastructureError` if no byte is accepted for `timeout` s."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                self._wait_writable(timeout)
            except OSError as error:
                raise self._closed(str(error.strerror)) from error

    def _wait_writable(self, timeout: float) -> None:
        if not self._writable.poll(timeout * 1000):
            raise InfrastructureError(
                f"the line accepted no byte for {timeout:g} s",
                where=self.name,
                remedy="does the device have power, and is its receiver running?",
            )

    def _closed(self, why: str) -> LineClosedError:
        return LineClosedError(f"the device closed the line ({why})", where=self.name)
