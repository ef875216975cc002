"""What docs/link.md says a device answers: the device of tests/fuzz/fuzz_link.c, in few words."""

import struct
import zlib

from harness.link import frame, messages
from harness.link.messages import DeviceError, Message
from tests.support.link_cases import CAPACITY, INPUT_SIZE

OUTPUT_SIZE = 260
_REFUSED = 0xC0  # and more, as the first byte: the engine fails
_SIZES = {
    Message.HELLO: 4,
    Message.RUN: 4,
    Message.TRACE: 8,
    Message.PROFILE: 0,
    Message.CLOCK: 0,
    Message.RESET: 0,
}
WELCOME = struct.Struct("<BI16s8Ii4s")


class LinkModel:
    """A device after its start. It knows TRACE, PROFILE, CLOCK and RESET if it is `talking`."""

    def __init__(self, talking: bool) -> None:
        self.input = bytearray(INPUT_SIZE)
        self._known = {Message.HELLO, Message.LOAD, Message.RUN}
        if talking:
            self._known |= {Message.TRACE, Message.PROFILE, Message.CLOCK, Message.RESET}
        self._decoder = frame.FrameDecoder()
        self._open = False
        self._result: tuple[int, bytes] | None = None  # sequence, what ends the answer
        self._runs = 0
        self._kept = 0  # the state: how often it ran since RESET

    def receive(self, line: bytes) -> list[bytes]:
        """Return the payloads that the device answers `line` with."""
        return [answer for got in self._decoder.feed(line) for answer in self._answer(got)]

    def _answer(self, payload: bytes | None) -> list[bytes]:
        if payload is None or len(payload) + frame.CRC_SIZE > CAPACITY:
            return [_error(0, DeviceError.BAD_FRAME, 0)]
        if len(payload) < 2:
            return [_error(0, DeviceError.LENGTH, len(payload))]
        kind, sequence, body = payload[0], payload[1], payload[2:]
        return self._refusal(kind, sequence, body) or self._grant(Message(kind), sequence, body)

    def _refusal(self, kind: int, sequence: int, body: bytes) -> list[bytes]:
        if kind not in self._known:
            return [_error(sequence, DeviceError.UNKNOWN, kind)]
        if len(body) != _SIZES.get(Message(kind), len(body)):
            return [_error(sequence, DeviceError.LENGTH, len(body))]
        fresh = kind == Message.PROFILE and self._result is None
        if fresh or not (self._open or kind == Message.HELLO):
            return [_error(sequence, DeviceError.NO_SESSION, 0)]
        return []

    def _grant(self, kind: Message, sequence: int, body: bytes) -> list[bytes]:
        match kind:
            case Message.HELLO:
                return [self._hello(sequence, _u32(body))]
            case Message.LOAD:
                return [self._load(sequence, body)]
            case Message.RUN:
                return self._run(sequence, _u32(body), None)
            case Message.TRACE:
                return self._run(sequence, _u32(body), _u32(body[4:]))
        return [self._short(kind, sequence)]

    def _short(self, kind: Message, sequence: int) -> bytes:
        """The answer to a request without a body."""
        if kind == Message.RESET:
            return self._reset(sequence)
        if kind == Message.CLOCK:
            return bytes((Message.COUNT, sequence)) + struct.pack("<I", 1000 + self._runs)
        return bytes((Message.TICKS, sequence)) + struct.pack("<3I", 1, 2, 3)

    def _hello(self, sequence: int, nonce: int) -> bytes:
        self._open, self._result = True, None
        build_id = bytes((1, 2, 3)).ljust(16, b"\0")
        sizes = (2048, 0, INPUT_SIZE, OUTPUT_SIZE, 0, 0, 0, 0)  # the input's address is left out
        body = WELCOME.pack(messages.VERSION, nonce, build_id, *sizes, 0, b"none")
        return bytes((Message.WELCOME, sequence)) + body

    def _load(self, sequence: int, body: bytes) -> bytes:
        if len(body) <= 4:
            return _error(sequence, DeviceError.LENGTH, len(body))
        offset = _u32(body)
        end = offset + len(body) - 4
        if end > INPUT_SIZE:
            return _error(sequence, DeviceError.RANGE, INPUT_SIZE)
        self.input[offset:end] = body[4:]
        self._result = None
        return bytes((Message.ACK, sequence))

    def _reset(self, sequence: int) -> bytes:
        self._kept, self._result = 0, None
        if self.input[0] >= _REFUSED:
            return _error(sequence, DeviceError.ENGINE, 4)
        return bytes((Message.ACK, sequence))

    def _run(self, sequence: int, crc: int, layer: int | None) -> list[bytes]:
        """A RUN, or with a `layer` a TRACE."""
        accepted = bytes((Message.ACK, sequence))
        if self._result is not None and self._result[0] == sequence:
            return [accepted, self._result[1]]
        there = zlib.crc32(self.input)
        if crc != there:
            return [_error(sequence, DeviceError.INPUT, there)]
        self._runs += 1
        self._kept += 1
        if self.input[0] >= _REFUSED:
            self._result = (sequence, _error(sequence, DeviceError.ENGINE, 3))
            return [accepted, self._result[1]]
        output = bytes(~self.input[i % INPUT_SIZE] & 0xFF for i in range(OUTPUT_SIZE))
        result = bytes((Message.RESULT, sequence)) + struct.pack(
            "<4I", self._runs, self._kept, 0, 0
        )
        self._result = (sequence, result + output)
        layers = []
        if layer is not None:
            layers = [
                bytes((Message.LAYER, sequence))
                + struct.pack("<4I", index, 0, len(data), zlib.crc32(data))
                + (data if index == layer else b"")
                for index, data in enumerate((bytes(self.input), output))
            ]
        self.input[0] += 1
        return [accepted, *layers, self._result[1]]


def _u32(body: bytes) -> int:
    return int.from_bytes(body[:4], "little")


def _error(sequence: int, code: DeviceError, detail: int) -> bytes:
    return bytes((Message.ERROR, sequence)) + struct.pack("<BI", code, detail)
