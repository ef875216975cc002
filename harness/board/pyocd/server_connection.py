"""A connection to `pyocd server`: lines of requests and answers, with a deadline for every answer.

pyOCD's own client waits for the answer to each request before it sends the next one. Here, requests
are gathered, and sent together with the first one whose answer is needed. The server handles them
in their order. It therefore takes one round trip to set up an access and to read its result.
"""

import json
import socket
import time
from collections import deque
from contextlib import suppress
from typing import Any

from pyocd.core import exceptions
from pyocd.probe.tcp_client_probe import TCPClientProbe

CONNECT_DEADLINE = 10.0  # seconds
ANSWER_DEADLINE = 10.0
PROTOCOL_VERSION = TCPClientProbe.PROTOCOL_VERSION
_LONGEST = 1 << 24  # bytes of an answer; those for 250 KB of memory have 1.3 MB
_CHUNK = 1 << 16
_FAR = 0.005  # seconds; a round trip that is worth a packet more
_MOST_DIGITS = 4000  # of a number; Python takes no more than 4300
_SHOWN = 40  # bytes of an invalid answer
# Those of about 100 KB of memory, which any probe transfers before the deadline. Many more would
# fill the buffers of both sides, because the server answers before it reads on.
_MOST_UNANSWERED = 300
_SEND_AT = 1 << 16  # bytes of requests
# The server holds its second answer back until the first is acknowledged, and systems delay that.
# Linux can acknowledge at once; this holds until the next time something is sent.
_QUICKLY = getattr(socket, "TCP_QUICKACK", None)


class Request:
    """A request, and its answer as soon as it has one."""

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.answer: dict[str, Any] | None = None


def error_of(request: Request) -> Exception | None:
    """Return pyOCD's exception for a request that the server answered with an error."""
    answer = request.answer or {}
    status = answer.get("status")
    text = f"error received from server for command {request.name} (status code {status}): "
    kind: type[Exception] = exceptions.ProbeError
    if status is None:
        text = "malformed response from server; missing required field"
    elif status == 0:
        return None
    else:
        kind = TCPClientProbe.STATUS_CODE_CLASS_MAP.get(status, kind)
        text += str(answer.get("error", "(no message)"))
    return kind(text)


class ServerConnection:
    """Requests to the server at `host` and `port`; after the first error it stays closed."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._socket: socket.socket | None = None
        self._failure: OSError | None = None
        self._number = 0
        self._to_send = bytearray()
        self._received = bytearray()
        self._unanswered: deque[Request] = deque()
        self._digits = 0

    def connect(self) -> None:
        """Connect, within a deadline."""
        began = time.monotonic()
        self._socket = socket.create_connection(self._address, CONNECT_DEADLINE)
        if time.monotonic() - began > _FAR:
            self._digits = _packet_size(self._socket)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def request(self, name: str, *arguments: Any) -> Request:
        """Add a request to those that go out together."""
        request = Request(self._number, name)
        self._number += 1
        fields: dict[str, Any] = {"id": request.number, "request": name}
        if arguments:
            fields["arguments"] = arguments
        self._to_send += json.dumps(fields).encode() + b"\n"
        self._unanswered.append(request)
        if len(self._unanswered) >= _MOST_UNANSWERED:
            self.wait(request)
        elif len(self._to_send) >= _SEND_AT:
            self.send()
        return request

    def send(self) -> None:
        """Send the requests so far, and wait for no answer."""
        self._send(time.monotonic() + ANSWER_DEADLINE)

    def wait(self, request: Request, seconds: float | None = None) -> dict[str, Any]:
        """Return the answer to `request`; those to earlier ones have arrived, too.

        The deadline holds for all of them. Raises `OSError` without valid answers in time.
        """
        seconds = ANSWER_DEADLINE if seconds is None else seconds
        end = time.monotonic() + seconds
        if request.answer is None and self._to_send:
            self._fill(request.name)
            self._send(end)
        while request.answer is None:
            self._connection()  # raises the error that has closed it
            first = self._unanswered[0]
            first.answer = self._next_answer(first, end, seconds)
            self._unanswered.popleft()
        return request.answer

    def leave(self, last: str) -> None:
        """Send a last request whose line has no end yet: the server waits for it.

        Every way to end this connection ends the line, and the server handles the request then:
        `close`, and also the system when it ends this process.
        """
        line = {"id": self._number, "request": last}
        self._to_send += json.dumps(line).encode()
        self.send()

    def close(self) -> None:
        """Close the connection, from any thread; a second call does nothing."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with suppress(OSError):  # the peer has closed it
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _fill(self, name: str) -> None:
        """Add a request whose answer fills a packet, if the server is far away.

        The server sends its first answer at once. The system below it holds the others back until
        the first is acknowledged, one round trip later, or until they fill a packet (RFC 896). An
        answer repeats the number of its request, so this number is long. `name` is for errors.
        """
        if self._digits and len(self._unanswered) > 1:
            filler = Request(10**self._digits + self._number, name)
            fields = {"id": filler.number, "request": "hello", "arguments": [PROTOCOL_VERSION]}
            self._to_send += json.dumps(fields).encode() + b"\n"
            self._unanswered.append(filler)

    def _send(self, end: float) -> None:
        data, self._to_send = self._to_send, bytearray()
        if not data:
            return
        connection = self._connection()
        connection.settimeout(max(end - time.monotonic(), 0.001))
        try:
            connection.sendall(data)
        except OSError as error:
            name = self._unanswered[-1].name if self._unanswered else "unlock"
            raise self._failed(f"did not take the request {name!r}: {error}") from error

    def _next_answer(self, request: Request, end: float, seconds: float) -> dict[str, Any]:
        while b"\n" not in self._received:
            self._receive(request.name, end, seconds)
        line, _, self._received = self._received.partition(b"\n")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != request.number:
            raise self._failed(f"answers {request.name!r} with {bytes(line[:_SHOWN])!r}")
        return answer

    def _receive(self, name: str, end: float, seconds: float) -> None:
        connection = self._connection()
        late = f"has not answered the request {name!r} within {seconds:g} s"
        left = end - time.monotonic()
        if left <= 0:
            raise self._failed(late, TimeoutError)
        connection.settimeout(left)
        try:
            if _QUICKLY is not None:
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKLY, 1)
            data = connection.recv(_CHUNK)
        except TimeoutError:
            raise self._failed(late, TimeoutError) from None
        except OSError as error:
            raise self._failed(f"does not answer {name!r}: {error}") from error
        if not data:
            raise self._failed(f"closed the connection during {name!r}")
        self._received += data
        if len(self._received) > _LONGEST:
            raise self._failed(f"answers {name!r} with more than {_LONGEST:,} bytes")

    def _connection(self) -> socket.socket:
        if self._socket is None:
            raise self._failure or ConnectionError("the connection to the server is closed")
        return self._socket

    def _failed(self, what: str, kind: type[OSError] = ConnectionError) -> OSError:
        """Close the connection; return the error of this request and of all further ones."""
        self.close()
        self._failure = kind(f"the server {what}")
        return self._failure


def _packet_size(connection: socket.socket) -> int:
    """Return the bytes of a packet; 0 if they are unknown, or too many for a number's digits."""
    option = getattr(socket, "TCP_MAXSEG", None)
    size = 0 if option is None else connection.getsockopt(socket.IPPROTO_TCP, option)
    return size if size <= _MOST_DIGITS else 0
