"""The client of a virtual board's socket, with a deadline for every wait."""

import contextlib
import socket
import threading
from typing import Any

import msgspec

from harness.simulator.runtime_folder import Announcement
from harness.simulator.socket_protocol import (
    Open,
    Reply,
    Request,
    Status,
    decode_answer,
    receive,
    send,
)

DEADLINE = 10.0
"""Seconds to wait for an answer; a resumed core may run for a part of it."""

_CLOSE_DEADLINE = 1.0


class BoardGoneError(Exception):
    """The board closed the connection, or does not exist."""


class BoardSilentError(BoardGoneError):
    """The board has not answered in time."""


class BoardBusyError(Exception):
    """Another session has the board open."""


class _Connection:
    def __init__(self, announcement: Announcement, kind: str) -> None:
        self._silent = False
        self._lock = threading.Lock()  # a debugger's thread for SWO reads besides the others
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE)
        try:
            self._socket.connect(announcement.socket)
        except (TimeoutError, BlockingIOError) as error:  # its queue of connections is full
            self._socket.close()
            raise BoardSilentError("the board does not accept connections") from error
        except OSError as error:
            self._socket.close()
            raise BoardGoneError(
                f"the virtual board {announcement.probe_id} does not exist: {error}"
            ) from error
        try:
            reply = self._ask(msgspec.json.encode({"kind": kind}))
        except BaseException:
            self._socket.close()
            raise
        if not reply.ok:
            self._socket.close()
            raise (BoardBusyError if reply.busy else BoardGoneError)(reply.error)

    def close(self) -> None:
        """Close, and wait until the board has noticed; then the next session can open it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while receive(self._socket, _CLOSE_DEADLINE) is not None:
                pass
        self._socket.close()

    def cut(self) -> None:
        """End the connection, from any thread: whoever waits for an answer gets an error."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _exchange(self, message: bytes) -> bytes:
        silent = BoardSilentError(f"the board has not answered within {DEADLINE:g} s")
        try:
            with self._lock:
                if self._silent:
                    raise silent
                send(self._socket, message, DEADLINE)
                answer = receive(self._socket, DEADLINE)
        except TimeoutError as error:
            self._silent = True
            self.cut()  # a late answer would be taken for the next one
            raise silent from error
        except OSError as error:
            raise BoardGoneError(f"the board does not answer: {error}") from error
        if answer is None:
            raise BoardGoneError("the board closed the connection")
        return answer

    def _ask(self, message: bytes) -> Reply:
        return msgspec.json.decode(self._exchange(message), type=Reply)


class Session(_Connection):
    """A debugger's session; raises `BoardBusyError` if another one is open."""

    def __init__(self, announcement: Announcement) -> None:
        super().__init__(announcement, "session")

    def execute(self, batch: bytes) -> tuple[Status, tuple[int, ...]]:
        """Execute a batch of operations; return its status and the words that were read."""
        return decode_answer(self._exchange(batch))


class Control(_Connection):
    """A control connection."""

    def __init__(self, announcement: Announcement) -> None:
        super().__init__(announcement, "control")

    def ask(self, request: Request) -> Any:
        """Return the result; raise `ValueError` with the board's message if it refuses."""
        reply = self._ask(msgspec.json.encode(request))
        if not reply.ok:
            raise ValueError(reply.error)
        return reply.result


__all__ = ["BoardBusyError", "BoardGoneError", "BoardSilentError", "Control", "Open", "Session"]
