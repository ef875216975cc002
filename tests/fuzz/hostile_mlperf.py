"""A device that speaks MLPerf Tiny's protocol, and goes wrong in every way that its lines allow."""

import random
from collections.abc import Callable, Iterator
from itertools import repeat

from tests.fuzz.fake_line import Sent
from tests.support.mlperf_device import Double

_NUMBERS = ("0", "-1", "nan", "inf", "1e400", "4294967295", "9" * 15, "9" * 25, "", "x")
_PAUSES = (0.0, 0.0, 0.0, 0.01, 0.4, 0.6, 4.0, 29.0, 700.0)
_LINES = (
    "m-ready",
    "m-init-done",
    "m-timestamp-mode-performance",
    "m-load-done",
    "m-infer-done",
    "m-results-[]",
    "m-results-[0.1,0.2,0.3]",
    "m-lap-us-1",
    "m-name-dut-[" + "n" * 5000 + "]",
    "e-[]",
    "e-[Fault:" + " 00000000" * 14 + "]",
    "e-[Fault: 1]",
    "m-buffer-00-01",
    "",
    "a line of the firmware",
    "\x1b[2J",
)


class HostileMlperf:
    """A double of the reference that the random numbers of `rng` govern."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._hostile = rng.choice((0.02, 0.1, 0.4))
        self._double = Double(seconds=rng.choice((0.0, 1e-6, 0.01, 3.0)))
        self._waiting = ""
        self._crimes: tuple[Callable[[list[str]], Iterator[Sent]], ...] = (
            self._with_another_number,
            self._with_another_line,
            self._without_a_line,
            self._twice,
            self._late,
            self._damaged,
            self._forever,
            self._never,
        )

    def starts(self) -> Iterator[Sent]:
        """Yield what it sends at its start."""
        yield from self._answer(list(self._double.boot()))

    def hears(self, data: bytes) -> Iterator[Sent]:
        """Yield its answers to the commands that `data` completes."""
        *commands, self._waiting = (self._waiting + data.decode()).split("%")
        for command in commands:
            yield from self._answer(list(self._double.answer(command)))

    def _answer(self, lines: list[str]) -> Iterator[Sent]:
        if self._rng.random() >= self._hostile:
            yield from _sent(lines)
        else:
            yield from self._rng.choice(self._crimes)(lines)

    def _with_another_number(self, lines: list[str]) -> Iterator[Sent]:
        number = self._rng.choice(_NUMBERS)
        places = [i for i, line in enumerate(lines) if line.startswith(("m-lap", "m-results"))]
        for place in places:
            start = lines[place].startswith("m-lap")
            lines[place] = f"m-lap-us-{number}" if start else f"m-results-[{number}]"
        yield from _sent(lines)

    def _with_another_line(self, lines: list[str]) -> Iterator[Sent]:
        lines.insert(self._rng.randrange(len(lines) + 1), self._rng.choice(_LINES))
        yield from _sent(lines)

    def _without_a_line(self, lines: list[str]) -> Iterator[Sent]:
        del lines[self._rng.randrange(len(lines))]
        yield from _sent(lines)

    def _twice(self, lines: list[str]) -> Iterator[Sent]:
        yield from _sent(lines + lines)

    def _late(self, lines: list[str]) -> Iterator[Sent]:
        for line in lines:
            yield (self._rng.choice(_PAUSES), _ended(line))

    def _damaged(self, lines: list[str]) -> Iterator[Sent]:
        line = bytearray(b"".join(map(_ended, lines)))
        for _ in range(self._rng.randint(1, 4)):
            line[self._rng.randrange(len(line))] = self._rng.randrange(256)
        yield (0.0, bytes(line))

    def _forever(self, lines: list[str]) -> Iterator[Sent]:
        line = self._rng.choice((*map(_ended, (*lines, *_LINES)), b"x" * 1000, b"\xff\n" * 500))
        pause = self._rng.choice(_PAUSES)
        yield from repeat((pause, line * (1 if pause else 50)))

    def _never(self, lines: list[str]) -> Iterator[Sent]:
        yield from ()


def _ended(line: str) -> bytes:
    return f"{line}\r\n".encode()


def _sent(lines: list[str]) -> Iterator[Sent]:
    yield from ((0.0, _ended(line)) for line in lines)
