"""Parses a device's output: from bytes to lines, and from lines to answers.

The protocol is that of EEMBC's and MLCommons' runners, defined by `benchmark/api` of
mlcommons/tiny.
"""

import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

from harness.link.messages import Fault
from harness.support.plural import count_of

READY = "m-ready"
_MAX_LINE = 1 << 16  # characters; anything longer is noise
_WRAP = 1 << 32  # microseconds; the reference prints a 32-bit `unsigned long` with `%lu`
_LAP = re.compile(r"m-lap-us-(\d{1,15})")
_RESULTS = re.compile(r"m-results-\[([^\[\]]*)\]")
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
_BUFFER = re.compile(r"m-buffer-([0-9a-fA-F]{2}(-[0-9a-fA-F]{2})*)")
_ERROR = re.compile(r"e-\[(.*)\]")
_FAULT = re.compile(rf"e-\[Fault:((?: [0-9a-f]{{8}}){{{len(fields(Fault))}}})\]")
_BOOT = re.compile(r"m-timestamp-mode-(\w{1,32})|m-init-done")


class Line(NamedTuple):
    """A line, and the time when it was complete, in seconds of `time.perf_counter`."""

    text: str
    time: float


class TranscriptLine(NamedTuple):
    """A line of a transcript, and its time, in seconds of `time.perf_counter`.

    `direction` is "->" to the device, "<-" from the device, or "host" for a note of the host.
    """

    time: float
    direction: str
    text: str


class InferAnswer(NamedTuple):
    """A device's answer to `infer`.

    `values` are the printed numbers, as text. `microseconds` is the time between the device's two
    timestamps, None in energy mode, where they are edges on a pin. `begin` and `end` are the times
    when the host received the timestamps or, in energy mode, the lines next to them, in seconds of
    `time.perf_counter`.
    """

    values: tuple[str, ...]
    microseconds: int | None
    begin: float
    end: float


class DamagedAnswerError(ValueError):
    """Lines of an answer are missing or damaged; the message says which."""


class LineReader:
    """Splits received bytes into lines; bytes that are not printable ASCII become U+FFFD."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that the received bytes complete."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_MAX_LINE:]
        return [text for text in map(_text, lines) if text]


class AnswerReader:
    """Collects a device's lines into answers, which end with `m-ready`."""

    def __init__(self) -> None:
        self._reader = LineReader()
        self.clear()

    def clear(self) -> None:
        """Forget all lines that belong to no answer that was taken."""
        self._answers: deque[list[Line]] = deque()
        self._unfinished: list[Line] = []
        self.length = 0  # characters of all these lines

    def feed(self, data: bytes) -> list[Line]:
        """Return the lines that the received bytes complete."""
        now = time.perf_counter()
        lines = [Line(text, now) for text in self._reader.feed(data)]
        for line in lines:
            self._unfinished.append(line)
            self.length += len(line.text) + 1
            if READY in line.text:
                self._answers.append(self._unfinished)
                self._unfinished = []
        return lines

    def take(self) -> list[Line] | None:
        """Return the lines of the next answer; None if it is not complete."""
        if not self._answers:
            return None
        answer = self._answers.popleft()
        self.length -= sum(len(line.text) + 1 for line in answer)
        return answer


def _text(line: bytes) -> str:
    """Return a line without its end, and without the NULs of a line that nothing drives yet."""
    printable = (chr(byte) if 32 <= byte < 127 else "\ufffd" for byte in line.strip(b"\r\0"))  # noqa: PLR2004
    return "".join(printable)


def error_in(lines: Sequence[Line]) -> str:
    """Return the text of the first `e-[...]`; empty if there is none."""
    return next((match[1] for line in lines if (match := _ERROR.fullmatch(line.text))), "")


def fault_in(lines: Sequence[Line]) -> Fault | None:
    """Return the registers of a fault that the harness's firmware reports; None without one."""
    words = next((match[1] for line in lines if (match := _FAULT.fullmatch(line.text))), None)
    return None if words is None else Fault(*(int(word, 16) for word in words.split()))


def boot_in(lines: Sequence[Line]) -> str | None:
    """Return "performance" or "energy" if the device has just started; otherwise None.

    It is empty if only the end of the device's start message was received.
    """
    boots = [match for line in lines if (match := _BOOT.search(line.text))]
    return next((match[1] for match in boots if match[1]), "") if boots else None


def value_of(lines: Sequence[Line], key: str) -> str:
    """Return X from a line `m-<key>-[X]` or `m-<key>-dut-[X]` (as for `name`); "" without one."""
    pattern = re.compile(rf"m-{key}-(?:dut-)?\[([^\[\]]*)\]")
    return next((match[1] for line in lines if (match := pattern.search(line.text))), "")


def parse_infer(lines: Sequence[Line], iterations: int) -> InferAnswer:
    """Return the answer to `infer` with `iterations`; raises `DamagedAnswerError`."""
    start = [line.time for line in lines if line.text == f"m-infer-start-{iterations}"]
    done = [line.time for line in lines if line.text == "m-infer-done"]
    if len(start) != 1 or len(done) != 1:
        raise DamagedAnswerError(
            f"m-infer-start-{iterations} and m-infer-done were not received exactly once"
        )
    laps = [(int(lap[1]), line.time) for line in lines if (lap := _LAP.fullmatch(line.text))]
    if len(laps) not in {0, 2}:
        raise DamagedAnswerError(f"m-lap-us was received {count_of(len(laps), 'time')}, not twice")
    results = [match[1] for line in lines if (match := _RESULTS.fullmatch(line.text))]
    if len(results) != 1:
        raise DamagedAnswerError(
            f"m-results was received {count_of(len(results), 'time')}, not once"
        )
    # The reference's visual wake words ends its list with a comma.
    values = tuple(part.strip() for part in results[0].removesuffix(",").split(","))
    if not all(map(_NUMBER.fullmatch, values)):
        raise DamagedAnswerError(f"m-results has invalid numbers: {results[0][:60]!r}")
    if not laps:
        return InferAnswer(values, None, start[0], done[0])
    (first, begin), (second, end) = laps
    microseconds = second - first if second >= first else (second - first) % _WRAP
    return InferAnswer(values, microseconds, begin, end)


def parse_buffer(lines: Sequence[Line]) -> bytes:
    """Return the bytes in the answer to `db print`, without those of damaged lines."""
    dumps = [match[1] for line in lines if (match := _BUFFER.fullmatch(line.text))]
    return b"".join(bytes.fromhex(text.replace("-", "")) for text in dumps)
