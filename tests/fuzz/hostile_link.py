"""A device that speaks the link, and goes wrong in every way that the grammar of messages allows.

For each request it takes the honest answer and changes it: fields, lengths, numbers, order, time.
"""

import random
import struct
from collections.abc import Callable, Iterator
from itertools import repeat

from harness.link import frame, messages
from harness.link.messages import DeviceError, Message
from tests.fuzz.fake_line import Sent

BUILD_ID = bytes(range(16))
INPUT_SIZE, OUTPUT_SIZE, STACK_SIZE = 3000, 700, 4096

_WELCOME = struct.Struct("<BI16s8Ii")
_EDGES = (0, 1, 2, 47, 48, 127, 128, 255, 256, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_PAUSES = (0.0, 0.0, 0.0, 0.001, 0.1, 0.9, 1.1, 2.9, 20.0, 59.0, 100.0)

Answers = list[tuple[int, int, bytes]]
"""Type, sequence and body of messages."""


class HostileLink:
    """A device that the random numbers of `rng` govern; `hostile` of its answers are not honest."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._hostile = rng.choice((0.02, 0.1, 0.4))
        self._decoder = frame.FrameDecoder()
        self._crimes: tuple[Callable[[Answers], Iterator[Sent]], ...] = (
            *[self._with_another_field] * 4,
            self._with_another_length,
            self._with_another_sequence,
            self._of_another_type,
            self._twice,
            self._in_another_order,
            self._late,
            self._in_noise,
            self._damaged,
            self._without_delimiters,
            self._forever,
            self._never,
        )

    def starts(self) -> Iterator[Sent]:
        """Yield what it sends at its start: BOOT, mostly."""
        yield from self._answer([(Message.BOOT, 0, b"")])

    def hears(self, data: bytes) -> Iterator[Sent]:
        """Yield its answers to the requests that `data` completes."""
        for payload in list(self._decoder.feed(data)):
            yield from self._answer(self._honest(payload))

    def _answer(self, answers: Answers) -> Iterator[Sent]:
        if self._rng.random() >= self._hostile:
            yield from _sent(answers)
        else:
            yield from self._rng.choice(self._crimes)(answers)

    # What an honest device answers

    def _honest(self, payload: bytes | None) -> Answers:
        if payload is None or len(payload) < 2:
            return [(Message.ERROR, 0, struct.pack("<BI", DeviceError.BAD_FRAME, 0))]
        kind, sequence, body = payload[0], payload[1], payload[2:]
        accepted: Answers = [(Message.ACK, sequence, b"")]
        answers: dict[int, Callable[[], Answers]] = {
            Message.HELLO: lambda: [(Message.WELCOME, sequence, _welcome(body[:4]))],
            Message.LOAD: lambda: accepted,
            Message.RUN: lambda: [*accepted, _result(sequence)],
            Message.RESET: lambda: accepted,
            Message.TRACE: lambda: [*accepted, *_layers(sequence, body[4:8])],
            Message.PROFILE: lambda: [(Message.TICKS, sequence, struct.pack("<4I", 2, 9, 9, 9))],
        }
        unknown: Answers = [
            (Message.ERROR, sequence, struct.pack("<BI", DeviceError.UNKNOWN, kind))
        ]
        return answers[kind]() if kind in answers else unknown

    # What a hostile one makes of it

    def _with_another_field(self, answers: Answers) -> Iterator[Sent]:
        """Yield `answers`; a few bytes of one of them have another value, which may be an edge."""
        place = self._rng.randrange(len(answers))
        kind, sequence, body = answers[place]
        at = self._rng.randrange(max(len(body), 1))
        if kind == Message.WELCOME:  # aim at a field
            at = 21 + 4 * self._rng.randrange(9)
        value = self._rng.choice(_EDGES).to_bytes(4, "little")[: self._rng.choice((1, 4, 4))]
        answers[place] = (kind, sequence, body[:at] + value + body[at + len(value) :])
        yield from _sent(answers)

    def _with_another_length(self, answers: Answers) -> Iterator[Sent]:
        place = self._rng.randrange(len(answers))
        kind, sequence, body = answers[place]
        longer = self._rng.randbytes(self._rng.choice((1, 4, 30, 5000)))
        cut = body[: self._rng.randrange(len(body) + 1)]
        answers[place] = (kind, sequence, self._rng.choice((body + longer, cut)))
        yield from _sent(answers)

    def _with_another_sequence(self, answers: Answers) -> Iterator[Sent]:
        yield from _sent([(kind, self._rng.randrange(256), body) for kind, _, body in answers])

    def _of_another_type(self, answers: Answers) -> Iterator[Sent]:
        kind = self._rng.choice((*Message, 0x00, 0x7F, 0xFF))
        yield from _sent([(kind, sequence, body) for _, sequence, body in answers])

    def _twice(self, answers: Answers) -> Iterator[Sent]:
        yield from _sent(answers)
        yield from _sent(answers)

    def _in_another_order(self, answers: Answers) -> Iterator[Sent]:
        self._rng.shuffle(answers)
        yield from _sent(answers)

    def _late(self, answers: Answers) -> Iterator[Sent]:
        for message in answers:
            yield (self._rng.choice(_PAUSES), _framed(message))

    def _in_noise(self, answers: Answers) -> Iterator[Sent]:
        for message in answers:
            yield (0, self._noise(900))
            yield (0, _framed(message))

    def _damaged(self, answers: Answers) -> Iterator[Sent]:
        line = bytearray(b"".join(map(_framed, answers)))
        for _ in range(self._rng.randint(1, 3)):
            line[self._rng.randrange(len(line))] ^= 1 << self._rng.randrange(8)
        yield (0, bytes(line[: self._rng.choice((len(line), len(line) // 2))]))

    def _without_delimiters(self, answers: Answers) -> Iterator[Sent]:
        yield (0, b"".join(_framed(message)[:-1] for message in answers))

    def _forever(self, answers: Answers) -> Iterator[Sent]:
        """Yield one message, or noise without a delimiter, for ever."""
        pause = self._rng.choice(_PAUSES)
        message = self._rng.choice(
            (
                *map(_framed, answers),
                _framed((Message.LOG, 0, self._noise(2000))),
                _framed((Message.ERROR, 0, struct.pack("<BI", DeviceError.BAD_FRAME, 0))),
                _framed((self._rng.choice((*Message, 0xFF)), self._rng.randrange(256), b"")),
                bytes((self._rng.randint(1, 255),)) * 1000,
            )
        )
        yield from repeat((pause, message * (1 if pause else 50)))

    def _never(self, answers: Answers) -> Iterator[Sent]:
        yield from ()

    def _noise(self, most: int) -> bytes:
        noise = self._rng.randbytes(self._rng.randint(1, most))
        return self._rng.choice((noise, bytes(len(noise)), b"AT\r" * (len(noise) // 3 + 1)))


def _framed(message: tuple[int, int, bytes]) -> bytes:
    kind, sequence, body = message
    return frame.encode(bytes((kind, sequence)) + body)


def _sent(answers: Answers) -> Iterator[Sent]:
    yield from ((0.0, _framed(message)) for message in answers)


def _welcome(nonce: bytes) -> bytes:
    (number,) = struct.unpack("<I", nonce)
    sizes = (2048, 0x2000_0000, INPUT_SIZE, OUTPUT_SIZE, 9000, STACK_SIZE, 2, 0)
    return _WELCOME.pack(messages.VERSION, number, BUILD_ID, *sizes, 0) + b"dwt"


def _result(sequence: int) -> tuple[int, int, bytes]:
    return (Message.RESULT, sequence, struct.pack("<4I", 900, 0, 100, 0) + bytes(OUTPUT_SIZE))


def _layers(sequence: int, wanted: bytes) -> Answers:
    (layer,) = struct.unpack("<I", wanted)
    bodies = [struct.pack("<4I", i, 0, 40, 7) + bytes(40 * (i == layer)) for i in range(3)]
    return [*((Message.LAYER, sequence, body) for body in bodies), _result(sequence)]
