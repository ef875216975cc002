"""Memory and registers of an emulated machine through QEMU's gdbstub.

A small part of GDB's remote serial protocol ("Debugging with GDB", appendix
"GDB Remote Serial Protocol"): a packet is `$payload#` and two hex digits of checksum; `+`
acknowledges it. A running machine does not accept packets: the byte 03 stops it, it reports
the stop in a packet, and `c` resumes it.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from harness.errors import InfrastructureError
from harness.link.channel import Channel

_DEADLINE = 15.0  # seconds for an answer; QEMU's start takes some on a busy machine
_SLICE = 1.0  # seconds of a wait; between two, the time that QEMU was stopped is taken out
_MOMENT = 0.001  # seconds for what comes on another line
_BLOCK = 2000  # bytes per packet; as hex digits they fit QEMU's limit, 4096

_ACKNOWLEDGED = b"+"
_STOP = b"\x03"
_REGISTERS = struct.Struct("<16I 100x I")
_TOKEN = re.compile(rb"[^+$-]*([+-]|\$[^#]*#..)", re.DOTALL)
_PC = 15
_STOP_REPLIES = (b"T", b"S")  # the first letter of a stop reply
_AT_ACCESS = b"watch:"  # in the stop reply of a watchpoint


class Gdbstub:
    """The gdbstub at the other end of `channel`; each request halts the machine briefly.

    If the machine does not run yet (`runs` is False), the first request starts it. `accessed_at` is
    the PC of the access that `watch` has caught, `watches` whether it was called.
    """

    def __init__(self, channel: Channel, *, runs: bool = True) -> None:
        self._runs = runs
        self._channel = channel
        self._line: Channel | None = None
        self.watches = False
        self.accessed_at: int | None = None
        self._watched: int | None = None
        self._received = b""

    @contextmanager
    def beside(self, line: Channel) -> Iterator[None]:
        """Read `line`, too, while this waits, and keep what comes there.

        A machine that writes to a full line does not answer, whoever asks.
        """
        self._line = line
        try:
            yield
        finally:
            self._line = None

    def start(self) -> None:
        """Start a machine that does not run yet; raises the same errors as `write`."""
        self._halted()

    def write(self, address: int, data: bytes) -> None:
        """Write `data` to memory at `address`.

        Raises `LineClosedError` if QEMU has ended and `InfrastructureError` for all other
        failures. After a refusal, the machine runs on.
        """
        self.write_pieces([(address, data)])

    def write_pieces(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        """Write the data of each piece at its address, in one halt; raises as `write`."""
        blocks = [
            (address + offset, data[offset : offset + _BLOCK])
            for address, data in pieces
            for offset in range(0, len(data), _BLOCK)
        ]
        replies = self._halted(
            *(b"M%x,%x:%s" % (at, len(block), block.hex().encode()) for at, block in blocks)
        )
        for (at, block), reply in zip(blocks, replies, strict=True):
            if reply != b"OK":
                raise self._error(
                    f"refused to write {len(block)} bytes at {at:#010x}: {_shown(reply)}",
                    "does the machine have RAM there? Compare the target's memory.ram",
                )

    def transfer(self, pieces: Sequence[tuple[int, bytes]], ranges: Sequence[range]) -> list[bytes]:
        """Write `pieces`, then return the bytes at `ranges`; raises as `write`."""
        if pieces:
            self.write_pieces(pieces)
        return [self.read(each.start, len(each)) for each in ranges]

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`; raises the same errors as `write`."""
        counts = [min(size - offset, _BLOCK) for offset in range(0, size, _BLOCK)]
        replies = self._halted(
            *(b"m%x,%x" % (address + _BLOCK * index, count) for index, count in enumerate(counts))
        )
        return b"".join(map(self._read_reply, replies, counts))

    def registers(self) -> tuple[int, ...]:
        """Return r0 to r15 and xPSR; raises the same errors as `write`.

        A client that does not request a target description gets GDB's original Arm layout,
        with the FPA registers between r15 and xPSR.
        """
        (reply,) = self._halted(b"g")
        return _REGISTERS.unpack(self._read_reply(reply, _REGISTERS.size))

    def wait(self) -> None:
        """Wait until a machine that does not run yet is set up; raises as `write`."""
        self._channel.write(encode(b"?") + _ACKNOWLEDGED, _DEADLINE)
        self._acknowledgement()
        self._packet("to a request")

    def watch(self, address: int) -> None:
        """Stop the machine at the next access to `address`; the next request lets it go on."""
        (reply,) = self._halted(b"Z4,%x,1" % address)
        if reply != b"OK":
            raise self._error("refused a watchpoint")
        self.watches, self._watched = True, address

    def first_access(self, address: int, patience: float) -> int:
        """Start a machine that does not run yet, and return the PC of its first access there.

        Raises `InfrastructureError` if there is none within `patience` seconds.
        """
        watch = encode(b"Z4,%x,1" % address) + _ACKNOWLEDGED
        self._channel.write(watch + encode(b"c"), _DEADLINE)  # a byte behind it is a stop
        self._acknowledgement()
        if self._packet("to a watchpoint") != b"OK":
            raise self._error("refused a watchpoint")
        self._acknowledgement()
        self._packet("to a watchpoint", patience)
        self._channel.write(_ACKNOWLEDGED + encode(b"g") + _ACKNOWLEDGED, _DEADLINE)
        self._acknowledgement()
        return self._pc(self._packet("to a request"))

    def _halted(self, *requests: bytes) -> list[bytes]:
        """Halt the machine, make `requests`, and let it go; return the replies.

        All of it is sent at once, with the acknowledgements of the replies that are still to come:
        to wait for each of them takes longer than the rest.
        """
        stop = _STOP + _ACKNOWLEDGED if self._runs else b""
        watched = self._watched
        if watched is not None:
            requests = (b"g", *requests)
        packets = [encode(request) + _ACKNOWLEDGED for request in requests]
        self._channel.write(b"".join([stop, *packets, encode(b"c")]), _DEADLINE)
        is_access = False
        if self._runs:
            # A machine that was already halted ignores the byte; its earlier stop report is read.
            reply = self._packet("to a stop")
            if not reply.startswith(_STOP_REPLIES):
                raise self._error(f"answered a stop with {_shown(reply)}")
            is_access = _AT_ACCESS in reply
        self._runs = True
        replies = []
        for _ in requests:
            self._acknowledgement()
            replies.append(self._packet("to a request"))
        self._acknowledgement()
        if watched is not None:
            registers, *replies = replies
            if is_access:
                self.accessed_at, self._watched = self._pc(registers), None
                self._halted(b"z4,%x,1" % watched)  # with -icount, it would stop there for ever
        return replies

    def _pc(self, reply: bytes) -> int:
        """Return the PC in the reply to `g`."""
        pc: int = _REGISTERS.unpack(self._read_reply(reply, _REGISTERS.size))[_PC]
        return pc

    def _read_reply(self, reply: bytes, count: int) -> bytes:
        """Return the `count` bytes in the reply to a read."""
        try:
            data = bytes.fromhex(reply.decode("ascii"))
        except ValueError:
            data = b""
        if len(data) != count:
            raise self._error(f"answered a read of {count} bytes with {_shown(reply)}")
        return data

    def _acknowledgement(self) -> None:
        token = self._next_token("to a packet")
        if token != _ACKNOWLEDGED:
            raise self._error(f"answered a packet with {_shown(token)} instead of +")

    def _packet(self, request: str, deadline: float | None = None) -> bytes:
        """Return the payload of the next packet."""
        token = self._next_token(request, deadline)
        payload = decode(token)
        if payload is None:
            raise self._error(f"sent an invalid packet: {_shown(token)}")
        return payload

    def _next_token(self, request: str, deadline: float | None = None) -> bytes:
        """Return the next acknowledgement or packet; other bytes are dropped."""
        deadline = deadline or _DEADLINE
        end = self._channel.device_time + deadline
        while not (token := _TOKEN.match(self._received)):
            remaining = end - self._channel.device_time
            if remaining <= 0:
                raise self._error(
                    f"did not answer {request} within {deadline:g} s",
                    "does QEMU hang? Look at its log",
                )
            if self._line is not None:
                self._line.keep(_MOMENT)
            wait = _SLICE if self._line is None else 0.0
            self._received += self._channel.read(min(remaining, wait))
        self._received = self._received[token.end() :]
        return token[1]

    def _error(self, what: str, remedy: str = "use --input-via=serial") -> InfrastructureError:
        return InfrastructureError(f"the gdbstub {what}", where=self._channel.name, remedy=remedy)


def encode(payload: bytes) -> bytes:
    """Return the packet with `payload`, which must contain neither `$` nor `#`."""
    return b"$%s#%02x" % (payload, np.frombuffer(payload, np.uint8).sum() % 256)


def decode(packet: bytes) -> bytes | None:
    """Return the payload of `packet`; None if it is not a packet or its checksum is wrong."""
    payload, checksum = packet[1:-3], packet[-2:].lower()
    return payload if packet[:-2] + checksum == encode(payload) else None


def _shown(text: bytes) -> str:
    return repr(text.decode("ascii", "backslashreplace"))
