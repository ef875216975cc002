"""The client's end of a virtual board's socket, with a deadline on every wait."""

import contextlib
import socket
from typing import Any

import msgspec

from harness.simulator.runtime_folder import Record
from harness.simulator.socket_protocol import (
    Open,
    Reply,
    Request,
    Status,
    decode_answer,
    receive,
    send,
)

DEADLINE = 30.0
"""Seconds for an answer; a resumed core may run for some of it."""


_CHUNK = 4096


class BoardGoneError(Exception):
    """The board closed the connection, or is not there."""


class BoardBusyError(Exception):
    """Another session has the board."""


class _Connection:
    def __init__(self, record: Record, kind: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE)
        try:
            self._socket.connect(record.socket)
        except OSError as error:
            self._socket.close()
            raise BoardGoneError(f"{record.probe_id} is not there: {error}") from error
        reply = self._ask(msgspec.json.encode({"kind": kind}))
        if not reply.ok:
            self._socket.close()
            raise (BoardBusyError if reply.busy else BoardGoneError)(reply.error)

    def close(self) -> None:
        """Close, and wait until the board knows: the next session finds it free."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_CHUNK):
                pass
        self._socket.close()

    def _exchange(self, message: bytes) -> bytes:
        try:
            send(self._socket, message)
            answer = receive(self._socket)
        except OSError as error:
            raise BoardGoneError(f"the board does not answer: {error}") from error
        if answer is None:
            raise BoardGoneError("the board is gone")
        return answer

    def _ask(self, message: bytes) -> Reply:
        return msgspec.json.decode(self._exchange(message), type=Reply)


class Session(_Connection):
    """A debugger's session; `BoardBusyError` if there is one already."""

    def __init__(self, record: Record) -> None:
        super().__init__(record, "session")

    def execute(self, batch: bytes) -> tuple[Status, tuple[int, ...]]:
        """Execute a batch of operations; return how it went and what was read."""
        return decode_answer(self._exchange(batch))


class Control(_Connection):
    """A control connection."""

    def __init__(self, record: Record) -> None:
        super().__init__(record, "control")

    def ask(self, request: Request) -> Any:
        """Return the result; `ValueError` with the board's words if it refuses."""
        reply = self._ask(msgspec.json.encode(request))
        if not reply.ok:
            raise ValueError(reply.error)
        return reply.result


__all__ = ["BoardBusyError", "BoardGoneError", "Control", "Open", "Session"]
