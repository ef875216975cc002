"""Bytes to and from a device, with a deadline on every wait."""

import os
import select

from harness.errors import InfrastructureError

_READ_SIZE = 1 << 16


class LineClosedError(InfrastructureError):
    """The other end of the line is gone: the emulator died or the port was unplugged."""


class Channel:
    """A file descriptor that a device's serial line hangs on: socket, pty or port.

    The descriptor stays the caller's to close; it is switched to non-blocking. The line
    takes `burst` bytes at once well, where that is less than the device can.
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
        """Return what has come, waiting up to `timeout` seconds; b"" if nothing did."""
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
        """Send all of `data`; `InfrastructureError` if it stays stuck for `timeout` seconds."""
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
                f"the line took no byte for {timeout:g} s",
                where=self.name,
                remedy="is the device powered and its receiver running?",
            )

    def _closed(self, why: str) -> LineClosedError:
        return LineClosedError(f"the device closed the line ({why})", where=self.name)
