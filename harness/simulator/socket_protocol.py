"""The messages between a virtual board and its clients, over a Unix socket.

A message is a length (32 bits, little-endian) and that number of bytes. The first message of a
connection is an `Open` in JSON. A control connection then uses JSON. A board has one session at a
time; its requests are batches of operations, executed in order until one fails, and its answers
are a status and the words that were read.
"""

import socket
import struct
import time
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Literal

import msgspec

WORD = 4
MAX_MESSAGE = 1 << 22
"""The largest message, in bytes."""

_LENGTH = struct.Struct("<I")
_OPERATION = struct.Struct("<BxHI")
_STATUS = struct.Struct("<I")


class Open(msgspec.Struct, frozen=True):
    """The first message: the kind of the connection."""

    kind: Literal["session", "control"]


class Request(msgspec.Struct, frozen=True):
    """A request on a control connection; `text` is the fault."""

    ask: Literal["fault", "status", "edges", "joules", "swo", "stop"]
    text: str = ""


class Reply(msgspec.Struct, frozen=True):
    """A reply in JSON; `error` is the reason if not `ok`, `busy` if another session is open."""

    ok: bool
    error: str = ""
    busy: bool = False
    result: Any = None


class Operation(IntEnum):
    """An operation of the debug port; its address is that of a DP or AP register."""

    READ_DP = 0
    WRITE_DP = 1
    READ_AP = 2
    """Read `count` times; this reads blocks."""
    WRITE_AP = 3
    RESET = 4
    """Drive nRESET; it is low if the address is 1."""
    LISTEN = 5
    """Keep what SWO sends if the address is 1. If it is 0, keep nothing."""
    READ_SWO = 6
    """Read at most `count` words of what SWO has sent: the number of bytes, then the bytes."""


class Status(IntEnum):
    """The result of a batch."""

    OK = 0
    FAULT = 1
    """The target answered FAULT; the sticky error is set."""
    NO_ACK = 2
    """The target did not answer."""


def encode_operation(
    operation: Operation, address: int, count: int = 1, words: tuple[int, ...] = ()
) -> bytes:
    """Return the bytes of one operation; a write has `count` data `words`."""
    return _OPERATION.pack(operation, count, address) + struct.pack(f"<{len(words)}I", *words)


def decode_operations(batch: bytes) -> list[tuple[Operation, int, int, tuple[int, ...]]]:
    """Return operation, address, count and data words of each operation in `batch`."""
    result = []
    position = 0
    while position < len(batch):
        code, count, address = _OPERATION.unpack_from(batch, position)
        operation = Operation(code)
        position += _OPERATION.size
        writes = operation in (Operation.WRITE_DP, Operation.WRITE_AP)
        words = struct.unpack_from(f"<{count}I", batch, position) if writes else ()
        position += WORD * len(words)
        result.append((operation, address, count, words))
    return result


def encode_answer(status: Status, words: list[int]) -> bytes:
    """Return the bytes of the answer to a batch."""
    return _STATUS.pack(status) + struct.pack(f"<{len(words)}I", *words)


def decode_answer(answer: bytes) -> tuple[Status, tuple[int, ...]]:
    """Return status and words of an answer."""
    count = (len(answer) - _STATUS.size) // WORD
    status, *words = struct.unpack(f"<{1 + count}I", answer)
    return Status(status), tuple(words)


def encode_bytes(data: bytes) -> list[int]:
    """Return `data` as words: the number of bytes, then the bytes, filled up with zeros."""
    padded = data + bytes(-len(data) % WORD)
    return [len(data), *struct.unpack(f"<{len(padded) // WORD}I", padded)]


def decode_bytes(words: Sequence[int]) -> bytearray:
    """Return the bytes that `encode_bytes` has made into `words`."""
    return bytearray(struct.pack(f"<{len(words) - 1}I", *words[1:])[: words[0]])


def send(connection: socket.socket, message: bytes, seconds: float) -> None:
    """Send one message within `seconds`; `TimeoutError` if the peer does not take it."""
    connection.settimeout(seconds)
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket, seconds: float) -> bytes | None:
    """Return the next message, None at the end.

    Raises `TimeoutError` if the whole message does not arrive within `seconds`, and
    `ConnectionError` if it is too long.
    """
    end = time.monotonic() + seconds
    header = _receive_exactly(connection, _LENGTH.size, end)
    if header is None:
        return None
    (length,) = _LENGTH.unpack(header)
    if length > MAX_MESSAGE:
        raise ConnectionError(f"a message of {length} bytes is longer than {MAX_MESSAGE}")
    return _receive_exactly(connection, length, end)


def wait_for_message(connection: socket.socket) -> None:
    """Wait, without a limit, until a message or the end of the connection arrives."""
    connection.settimeout(None)
    connection.recv(1, socket.MSG_PEEK)


def _receive_exactly(connection: socket.socket, size: int, end: float) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the peer is too slow")
        connection.settimeout(left)
        part = connection.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
