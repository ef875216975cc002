"""A serial port without a file descriptor, such as RFC 2217's, made one with a descriptor.

Two threads copy the bytes between the port and a pair of sockets.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import serial

_POLL = 0.1  # seconds after which a thread notices the end
_SIZE = 1 << 12


class ThreadedPort:
    """The open `port`; its owner reads and writes the descriptor, and closes this object."""

    def __init__(self, port: serial.SerialBase) -> None:
        self._port = port
        self._ours, self._theirs = socket.socketpair()
        self._port.timeout = _POLL
        self._closed = False
        self._threads = [
            threading.Thread(target=self._until_end, args=(copy,), daemon=True)
            for copy in (self._copy_received, self._copy_sent)
        ]
        for thread in self._threads:
            thread.start()

    def fileno(self) -> int:
        """Return the descriptor with the port's bytes."""
        return self._ours.fileno()

    def close(self) -> None:
        """Close the port and the descriptor."""
        self._closed = True
        self._theirs.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        with suppress(serial.SerialException, OSError):  # the line is gone
            self._port.close()
        self._theirs.close()
        self._ours.close()

    def _until_end(self, copy: Callable[[], bool]) -> None:
        """Copy until one of the ends is closed; then the descriptor has reached its end."""
        with suppress(serial.SerialException, OSError):
            while copy():
                pass
        with suppress(OSError):  # it is already shut down
            self._theirs.shutdown(socket.SHUT_RDWR)

    def _copy_received(self) -> bool:
        if data := self._port.read(1):
            self._theirs.sendall(data + self._port.read(min(self._port.in_waiting, _SIZE)))
        return not self._closed

    def _copy_sent(self) -> bool:
        data = self._theirs.recv(_SIZE)
        self._port.write(data)
        return bool(data)
