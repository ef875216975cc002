"""What passes between a virtual board and its clients, over a unix socket.

Every message is its length (32 bits, little-endian) and that many bytes. The first
is an `Open` as JSON. A control connection goes on in JSON. A session, of which a board
has one at a time, goes on in batches: a request is a row of operations, executed in
order until one fails, and the answer a status and the words that were read.
"""

import socket
import struct
from enum import IntEnum
from typing import Any, Literal

import msgspec

WORD = 4
LARGEST = 1 << 22
"""Bytes of a message, at the most."""

_LENGTH = struct.Struct("<I")
_OPERATION = struct.Struct("<BxHI")
_STATUS = struct.Struct("<I")


class Open(msgspec.Struct, frozen=True):
    """What a connection is for."""

    kind: Literal["session", "control"]


class Request(msgspec.Struct, frozen=True):
    """On a control connection: `fault` with its text, `status`, `edges`, `joules` or `stop`."""

    ask: Literal["fault", "status", "edges", "joules", "stop"]
    text: str = ""


class Reply(msgspec.Struct, frozen=True):
    """Whether it was done; if not, `error` says why: `busy` tells a session that there is one."""

    ok: bool
    error: str = ""
    busy: bool = False
    result: Any = None


class Operation(IntEnum):
    """What a debugger asks of the debug port. Addresses are those of DP and AP registers."""

    READ_DP = 0
    WRITE_DP = 1
    READ_AP = 2
    """`count` times, which is how blocks are read."""
    WRITE_AP = 3
    RESET = 4
    """Drive nRESET: low if the address is 1."""


class Status(IntEnum):
    """How a batch went."""

    OK = 0
    FAULT = 1
    """The target answered FAULT: the sticky error is set."""
    NO_ACK = 2
    """The target did not answer."""


def encode_operation(
    operation: Operation, address: int, count: int = 1, words: tuple[int, ...] = ()
) -> bytes:
    """Return the bytes of one operation; `words` are what it writes, `count` of them."""
    return _OPERATION.pack(operation, count, address) + struct.pack(f"<{len(words)}I", *words)


def decode_operations(batch: bytes) -> list[tuple[Operation, int, int, tuple[int, ...]]]:
    """Return operation, address, count and words of each in `batch`."""
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
    """Return the bytes of a batch's answer."""
    return _STATUS.pack(status) + struct.pack(f"<{len(words)}I", *words)


def decode_answer(answer: bytes) -> tuple[Status, tuple[int, ...]]:
    """Return status and words of an answer."""
    count = (len(answer) - _STATUS.size) // WORD
    status, *words = struct.unpack(f"<{1 + count}I", answer)
    return Status(status), tuple(words)


def send(connection: socket.socket, message: bytes) -> None:
    """Send one message."""
    connection.sendall(_LENGTH.pack(len(message)) + message)


def receive(connection: socket.socket) -> bytes | None:
    """Return the next message, None at the end; `OSError` if it is none."""
    head = _exactly(connection, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > LARGEST:
        raise ConnectionError(f"a message of {length} bytes is none")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
