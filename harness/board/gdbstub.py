"""Memory and registers of an emulated machine through QEMU's gdbstub.

A small part of GDB's remote serial protocol ("Debugging with GDB", appendix
"GDB Remote Serial Protocol"): a packet is `$payload#` and two hex digits of checksum; `+`
acknowledges it. A running machine does not accept packets: the byte 03 stops it, it reports
the stop in a packet, and `c` resumes it.
"""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import InfrastructureError
from harness.link.channel import Channel

_DEADLINE = 15.0  # seconds for an answer; QEMU's start takes some on a busy machine
_SLICE = 1.0  # seconds of a wait; between two, the time that QEMU was stopped is taken out
_BLOCK = 2000  # bytes per packet; as hex digits they fit QEMU's limit, 4096

_ACKNOWLEDGED = b"+"
_STOP = b"\x03"
_REGISTERS = struct.Struct("<16I 100x I")
_TOKEN = re.compile(rb"[^+$-]*([+-]|\$[^#]*#..)", re.DOTALL)
_STOP_REPLIES = (b"T", b"S")  # the first letter of a stop reply


class Gdbstub:
    """The gdbstub at the other end of `channel`; each request halts the machine briefly.

    If the machine does not run yet (`runs` is False), the first request starts it.
    """

    def __init__(self, channel: Channel, *, runs: bool = True) -> None:
        self._runs = runs
        self._held = False
        self._channel = channel
        self._received = b""

    def start(self) -> None:
        """Start a machine that does not run yet; raises the same errors as `write`."""
        with self._stopped():
            pass

    def write(self, address: int, data: bytes) -> None:
        """Write `data` to memory at `address`.

        Raises `LineClosedError` if QEMU has ended and `InfrastructureError` for all other
        failures; after an error the machine may stay halted.
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
        """Return `size` bytes at `address`; raises the same errors as `write`."""
        data = b""
        with self._stopped():
            while len(data) < size:
                count = min(size - len(data), _BLOCK)
                self._send(b"m%x,%x" % (address + len(data), count))
                data += self._read_reply(count)
        return data

    def registers(self) -> tuple[int, ...]:
        """Return r0 to r15 and xPSR; raises the same errors as `write`.

        A client that does not request a target description gets GDB's original Arm layout,
        with the FPA registers between r15 and xPSR.
        """
        with self._stopped():
            self._send(b"g")
            return _REGISTERS.unpack(self._read_reply(_REGISTERS.size))

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Halt the machine once for all requests within the context, instead of at each."""
        with self._stopped():
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @contextmanager
    def _stopped(self) -> Iterator[None]:
        if self._held:
            yield
            return
        if self._runs:
            self._channel.write(_STOP, _DEADLINE)
            # A machine that was already halted ignores the byte; its earlier stop report is read.
            reply = self._packet("to a stop")
            if not reply.startswith(_STOP_REPLIES):
                raise self._error(f"answered a stop with {_shown(reply)}")
        self._runs = True
        yield
        self._send(b"c")

    def _read_reply(self, count: int) -> bytes:
        """Return the `count` bytes in the reply to a read."""
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
        token = self._next_token("to a packet")
        if token != _ACKNOWLEDGED:
            raise self._error(f"answered a packet with {_shown(token)} instead of +")

    def _packet(self, request: str) -> bytes:
        """Return the payload of the next packet, and acknowledge it."""
        token = self._next_token(request)
        payload = decode(token)
        if payload is None:
            raise self._error(f"sent an invalid packet: {_shown(token)}")
        self._channel.write(_ACKNOWLEDGED, _DEADLINE)
        return payload

    def _next_token(self, request: str) -> bytes:
        """Return the next acknowledgement or packet; other bytes are dropped."""
        end = self._channel.device_time + _DEADLINE
        while not (token := _TOKEN.match(self._received)):
            remaining = end - self._channel.device_time
            if remaining <= 0:
                raise self._error(
                    f"did not answer {request} within {_DEADLINE:g} s",
                    "does QEMU hang? Look at its log",
                )
            self._received += self._channel.read(min(remaining, _SLICE))
        self._received = self._received[token.end() :]
        return token[1]

    def _error(self, what: str, remedy: str = "use --input-via=serial") -> InfrastructureError:
        return InfrastructureError(f"the gdbstub {what}", where=self._channel.name, remedy=remedy)


def encode(payload: bytes) -> bytes:
    """Return the packet with `payload`, which must contain neither `$` nor `#`."""
    return b"$%s#%02x" % (payload, sum(payload) % 256)


def decode(packet: bytes) -> bytes | None:
    """Return the payload of `packet`; None if it is not a packet or its checksum is wrong."""
    payload, checksum = packet[1:-3], packet[-2:].lower()
    return payload if packet[:-2] + checksum == encode(payload) else None


def _shown(text: bytes) -> str:
    return repr(text.decode("ascii", "backslashreplace"))
