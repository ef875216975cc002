"""Cases of the link: what is on the line, for both codecs, the device's parser and its fuzzer."""

from harness.link import frame, messages
from harness.link.messages import Message

CAPACITY = 1024
"""Bytes of payload and CRC that the device can take."""
INPUT_SIZE = 24
"""Bytes of the input of the device in tests/fuzz/fuzz_link.c."""

ONE = frame.encode(b"\x01")
LONG = bytes(range(1, 255)) * 3

FRAMES: dict[str, tuple[bytes, list[bytes | None]]] = {
    "nothing": (b"", []),
    "delimiters alone": (b"\0\0\0", []),
    "one frame": (ONE, [b"\x01"]),
    "the published check value, CRC-32 of 123456789 is cbf43926": (
        b"\x0e" + b"123456789" + bytes.fromhex("2639f4cb") + b"\0",
        [b"123456789"],
    ),
    "two frames": (ONE + ONE, [b"\x01", b"\x01"]),
    "zeros in the payload": (frame.encode(b"\0\0a\0"), [b"\0\0a\0"]),
    "a payload of zeros": (frame.encode(bytes(600)), [bytes(600)]),
    "blocks of 254 without a zero": (frame.encode(LONG), [LONG]),
    "254 bytes exactly, CRC included": (frame.encode(LONG[:250]), [LONG[:250]]),
    "the largest that fits": (frame.encode(b"x" * (CAPACITY - 4)), [b"x" * (CAPACITY - 4)]),
    "a wrong CRC": (ONE[:-2] + bytes([ONE[-2] ^ 1]) + b"\0", [None]),
    "cut short by a delimiter": (ONE[:3] + b"\0", [None]),
    "a byte lost": (frame.encode(b"abcdef").replace(b"c", b""), [None]),
    "a byte twice": (frame.encode(b"abcdef").replace(b"c", b"cc"), [None]),
    "a delimiter lost between two": (ONE[:-1] + ONE, [None]),
    "damage, then a whole frame": (b"\x05ab\0" + ONE, [None, b"\x01"]),
    "noise before the first delimiter": (b"\xff\x80" + b"\0" + ONE, [None, b"\x01"]),
    "too short for a CRC": (b"\x03ab\0", [None]),
    "a CRC and no payload": (frame.encode(b""), [None]),
    "not ended": (ONE[:-1], []),
}
"""Bytes on the line, and the payloads that a decoder finds there: None for a damaged frame."""


def request(kind: int, sequence: int, body: bytes = b"") -> bytes:
    """Return the frame of a request."""
    return frame.encode(bytes((kind, sequence)) + body)


_DATA = bytes(range(1, 1 + INPUT_SIZE))
_OVERWRITTEN = bytes((2,)) + _DATA[1:]  # as an inference leaves it
_HELLO = request(Message.HELLO, 0, messages.hello(7))
_LOAD = request(Message.LOAD, 1, messages.load(0, _DATA))
_RUN = request(Message.RUN, 2, messages.run(_DATA))
_TRACE = request(Message.TRACE, 2, messages.trace(_DATA, 1))
_PROFILE = request(Message.PROFILE, 3)
_CLOCK = request(Message.CLOCK, 4)
_RESET = request(Message.RESET, 5)
_FAILING = b"\xff" + _DATA[1:]

LINES: dict[str, bytes] = {
    "a session": _HELLO + _LOAD + _RUN,
    "a session, traced": _HELLO + _LOAD + _TRACE,
    "a session, traced without outputs": _HELLO
    + _LOAD
    + request(Message.TRACE, 2, messages.trace(_DATA, None)),
    "a session, profiled": _HELLO + _LOAD + _RUN + _PROFILE + _PROFILE,
    "the counter, before and after an inference": _HELLO + _CLOCK + _LOAD + _RUN + _CLOCK + _CLOCK,
    "a state, set before inferences and between": _HELLO
    + _RESET
    + _RESET
    + _LOAD
    + _RUN
    + _RESET
    + _RUN
    + _LOAD
    + _RUN,
    "HELLO again ends the session before": _HELLO + _LOAD + _RUN + _HELLO + _PROFILE,
    "LOAD in two parts, the second first": _HELLO
    + request(Message.LOAD, 1, messages.load(20, _DATA[20:]))
    + request(Message.LOAD, 2, messages.load(0, _DATA[:20]))
    + request(Message.RUN, 3, messages.run(_DATA)),
    "LOAD twice": _HELLO + _LOAD + _LOAD + _RUN,
    "RUN twice": _HELLO + _LOAD + _RUN + _RUN,
    "RUN, a LOAD, the same RUN": _HELLO + _LOAD + _RUN + _LOAD + _RUN,
    "RUN of what the inference left": _HELLO
    + _LOAD
    + _RUN
    + request(Message.RUN, 3, messages.run(_OVERWRITTEN)),
    "TRACE of a RUN's sequence": _HELLO + _LOAD + _RUN + _TRACE,
    "RUN of another input": _HELLO + _RUN,
    "an engine that fails": _HELLO
    + request(Message.LOAD, 1, messages.load(0, _FAILING))
    + request(Message.RUN, 2, messages.run(_FAILING))
    + _PROFILE,
    "no session": _LOAD + _RUN + _TRACE + _PROFILE + _CLOCK + _RESET,
    "LOAD at the end, of nothing": _HELLO
    + request(Message.LOAD, 1, messages.load(INPUT_SIZE, b"")),
    "LOAD at the end": _HELLO + request(Message.LOAD, 1, messages.load(INPUT_SIZE, b"x")),
    "LOAD past the end": _HELLO + request(Message.LOAD, 1, messages.load(INPUT_SIZE - 1, b"xy")),
    "LOAD beyond": _HELLO + request(Message.LOAD, 1, messages.load(2**32 - 1, b"xy")),
    "LOAD too long": _HELLO + request(Message.LOAD, 1, messages.load(0, bytes(1014))),
    "wrong lengths": _HELLO
    + b"".join(request(kind, 1, bytes(3)) for kind in Message)
    + frame.encode(b"\x01"),
    "unknown": request(0x7F, 1) + request(0, 1) + request(Message.ACK, 1),
    "a torn RUN, then the whole": _HELLO + _LOAD + _RUN[:-4] + b"\0" + _RUN,
    "HELLO in LOAD": _HELLO + _LOAD[:9] + _HELLO + _LOAD + _RUN,
} | {f"a frame: {name}": line for name, (line, _) in FRAMES.items()}
"""What a host, or a bad line, may send to a device."""
