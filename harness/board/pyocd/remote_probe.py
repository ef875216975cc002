"""A probe behind `pyocd server`, with a deadline for every answer.

pyOCD's own socket repeats each read that timed out, and each read at the end of the connection. It
therefore waits for ever for a server that was stopped or has ended.
"""

import json
import re
import socket
import time
from contextlib import suppress

from pyocd.probe.tcp_client_probe import TCPClientProbe
from pyocd.utility.sockets import ClientSocket

CONNECT_DEADLINE = 10.0  # seconds
ANSWER_DEADLINE = 10.0
_LONGEST = 1 << 24  # bytes of an answer; those for 250 KB of memory have 1.3 MB
_CHUNK = 1 << 16
_SHOWN = 40  # bytes of an invalid answer
_REQUEST = re.compile(rb'\{"id": (\d+), "request": "(\w+)"')


class RemoteProbe(TCPClientProbe):  # type: ignore[misc]
    """The probe at `address`, HOST or HOST:PORT; `cut` ends the connection, from any thread."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._socket = _Socket(*self._extract_address(address))

    def close(self) -> None:
        """Close the probe and the connection, also after an error."""
        try:
            super().close()
        finally:
            self.cut()

    def unlock(self) -> None:
        """Unlock the probe; pyOCD asserts here that it was locked, which hides why it was not."""
        if self._lock_count:
            super().unlock()

    def cut(self) -> None:
        """End the connection: whoever waits for an answer gets an error."""
        self._socket.close()
        self._is_open = False


class _Socket(ClientSocket):  # type: ignore[misc]
    """The lines of requests and answers; after the first error it stays closed."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port)
        self._socket: socket.socket | None = None
        self._received = bytearray()
        self._failure: OSError | None = None
        self._name, self._number = "", -1  # of the last request

    def connect(self) -> None:
        """Connect, within a deadline."""
        self._socket = socket.create_connection(self._address, CONNECT_DEADLINE)

    def set_timeout(self, timeout: float) -> None:
        """Ignore pyOCD's time-out: every request has a deadline."""

    def write(self, data: bytes) -> None:
        """Send a request."""
        request = _REQUEST.match(data)
        if request is None:
            raise ConnectionError(f"pyOCD sends an unknown request: {data[:_SHOWN]!r}")
        self._number, self._name = int(request[1]), request[2].decode()
        connection = self._connection()
        connection.settimeout(ANSWER_DEADLINE)
        try:
            connection.sendall(data)
        except OSError as error:
            raise self._failed(f"did not take the request {self._name!r}: {error}") from error

    def readline(self) -> bytes:
        """Return the answer to the last request; raise `ConnectionError` without a valid one."""
        end = time.monotonic() + ANSWER_DEADLINE
        while b"\n" not in self._received:
            self._receive(end)
        line, _, rest = self._received.partition(b"\n")
        self._received = rest
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != self._number:
            raise self._failed(f"answers {self._name!r} with {bytes(line[:_SHOWN])!r}")
        return bytes(line)

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):  # the peer has closed it
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _receive(self, end: float) -> None:
        connection = self._connection()
        late = f"has not answered the request {self._name!r} within {ANSWER_DEADLINE:g} s"
        left = end - time.monotonic()
        if left <= 0:
            raise self._failed(late, TimeoutError)
        connection.settimeout(left)
        try:
            data = connection.recv(_CHUNK)
        except TimeoutError:
            raise self._failed(late, TimeoutError) from None
        except OSError as error:
            raise self._failed(f"does not answer {self._name!r}: {error}") from error
        if not data:
            raise self._failed(f"closed the connection during {self._name!r}")
        self._received += data
        if len(self._received) > _LONGEST:
            raise self._failed(f"answers {self._name!r} with more than {_LONGEST:,} bytes")

    def _connection(self) -> socket.socket:
        if self._socket is None:
            raise self._failure or ConnectionError("the connection to the server is closed")
        return self._socket

    def _failed(self, what: str, kind: type[OSError] = ConnectionError) -> OSError:
        """Close the connection; return the error of this request and of all further ones."""
        self.close()
        self._failure = kind(f"the server {what}")
        return self._failure
