"""Memory and registers of an emulated machine through QEMU's gdbstub.

As much of GDB's remote serial protocol as that takes ("Debugging with GDB", appendix
"GDB Remote Serial Protocol"): a packet is `$payload#` and two hex digits of checksum, and is
acknowledged by `+`. A machine that runs does not listen: the byte 03 stops it, which it
reports in a packet, and `c` lets it go on.
"""

import re
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import InfrastructureError
from harness.link.channel import Channel

_DEADLINE = 5.0  # seconds for an answer; it takes less than a millisecond
_BLOCK = 2000  # bytes a packet; as hex digits they fit QEMU's limit, 4096

_ACKNOWLEDGED = b"+"
_STOP = b"\x03"
_REGISTERS = struct.Struct("<16I 100x I")
_TOKEN = re.compile(rb"[^+$-]*([+-]|\$[^#]*#..)", re.DOTALL)
_STOPPED = (b"T", b"S")  # a stop reply begins so


class Gdbstub:
    """The gdbstub at the other end of `channel`; its machine stands still while it is asked.

    Unless the machine `runs` already, it does after the first question.
    """

    def __init__(self, channel: Channel, *, runs: bool = True) -> None:
        self._runs = runs
        self._channel = channel
        self._received = b""

    def write(self, address: int, data: bytes) -> None:
        """Put `data` into memory at `address`.

        Raises `LineClosedError` when QEMU is gone, else `InfrastructureError`; after
        an error the machine may not go on.
        """
        with self._stopped():
            for offset in range(0, len(data), _BLOCK):
                block = data[offset : offset + _BLOCK]
                where = address + offset
                self._send(b"M%x,%x:%s" % (where, len(block), block.hex().encode()))
                reply = self._packet("to a write")
                if reply != b"OK":
                    raise self._error(
                        f"refused to write {len(block)} bytes at {where:#010x}: {_shown(reply)}",
                        "does the machine have RAM there? Compare the target's memory.ram",
                    )

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`; raises what `write` does."""
        data = b""
        with self._stopped():
            while len(data) < size:
                count = min(size - len(data), _BLOCK)
                self._send(b"m%x,%x" % (address + len(data), count))
                data += self._bytes(count)
        return data

    def registers(self) -> tuple[int, ...]:
        """Return r0 to r15 and xPSR; raises what `write` does.

        For who does not ask for a description, QEMU has GDB's first layout for Arm, with the
        registers of an FPA between them.
        """
        with self._stopped():
            self._send(b"g")
            return _REGISTERS.unpack(self._bytes(_REGISTERS.size))

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        if self._runs:
            self._channel.write(_STOP, _DEADLINE)
            # If it stood already, the report of that is the answer, and the byte is ignored.
            reply = self._packet("to a stop")
            if not reply.startswith(_STOPPED):
                raise self._error(f"answered a stop with {_shown(reply)}")
        self._runs = True
        yield
        self._send(b"c")

    def _bytes(self, count: int) -> bytes:
        """Return the `count` bytes of the answer to a read."""
        reply = self._packet("to a read")
        try:
            data = bytes.fromhex(reply.decode("ascii"))
        except ValueError:
            data = b""
        if len(data) != count:
            raise self._error(f"answered a read of {count} bytes with {_shown(reply)}")
        return data

    def _send(self, payload: bytes) -> None:
        self._channel.write(encode(payload), _DEADLINE)
        token = self._next("to a packet")
        if token != _ACKNOWLEDGED:
            raise self._error(f"answered a packet with {_shown(token)} instead of +")

    def _packet(self, what: str) -> bytes:
        """Return the payload of the next packet, acknowledged."""
        token = self._next(what)
        payload = decode(token)
        if payload is None:
            raise self._error(f"sent what is no packet, or damaged: {_shown(token)}")
        self._channel.write(_ACKNOWLEDGED, _DEADLINE)
        return payload

    def _next(self, what: str) -> bytes:
        """Return the next acknowledgement or packet; bytes that belong to none are dropped."""
        end = time.monotonic() + _DEADLINE
        while not (found := _TOKEN.match(self._received)):
            remaining = end - time.monotonic()
            if remaining <= 0:
                raise self._error(
                    f"gave no answer {what} within {_DEADLINE:g} s", "does QEMU hang? Its log says"
                )
            self._received += self._channel.read(remaining)
        self._received = self._received[found.end() :]
        return found[1]

    def _error(self, what: str, remedy: str = "use --input-via=serial") -> InfrastructureError:
        return InfrastructureError(f"the gdbstub {what}", where=self._channel.name, remedy=remedy)


def encode(payload: bytes) -> bytes:
    """Return the packet of `payload`, which must hold neither `$` nor `#`."""
    return b"$%s#%02x" % (payload, sum(payload) % 256)


def decode(packet: bytes) -> bytes | None:
    """Return the payload of `packet`; None if it is none or its checksum is wrong."""
    payload, checksum = packet[1:-3], packet[-2:].lower()
    return payload if packet[:-2] + checksum == encode(payload) else None


def _shown(text: bytes) -> str:
    return repr(text.decode("ascii", "backslashreplace"))
