"""What a device prints, from bytes to lines, and from lines to answers.

The protocol is that of EEMBC's and MLCommons' runners, as `benchmark/api` of mlcommons/tiny has it.
"""

import re
from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

from harness.link.messages import Fault

READY = "m-ready"
_LONGEST = 1 << 16  # characters of a line; more is noise
_WRAP = 1 << 32  # microseconds; the reference's `%lu` is of a 32-bit `unsigned long`
_LAP = re.compile(r"m-lap-us-(\d{1,20})")
_RESULTS = re.compile(r"m-results-\[([^\[\]]*)\]")
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,30})?")
_BUFFER = re.compile(r"m-buffer-([0-9a-fA-F]{2}(-[0-9a-fA-F]{2})*)")
_ERROR = re.compile(r"e-\[(.*)\]")
_FAULT = re.compile(rf"e-\[Fault:((?: [0-9a-f]{{8}}){{{len(fields(Fault))}}})\]")
_BOOT = re.compile(r"m-timestamp-mode-(\w+)|m-init-done")


class Line(NamedTuple):
    """A line and when it was complete, in seconds of `time.perf_counter`."""

    text: str
    time: float


class Said(NamedTuple):
    """A line of a transcript, and when, in seconds of `time.perf_counter`.

    "->" went to the device, "<-" came from it, and "host" is what the host says of itself.
    """

    time: float
    direction: str
    text: str


class Answered(NamedTuple):
    """What a device answered to `infer`.

    `values` are the numbers as it printed them. `microseconds` is the time between its two
    timestamps, None in energy mode, where they are edges on a pin. `begin` and `end` are when
    they, or the lines beside them, came to the host, in seconds of `time.perf_counter`.
    """

    values: tuple[str, ...]
    microseconds: int | None
    begin: float
    end: float


class DamagedAnswerError(ValueError):
    """Lines are missing or torn; says which."""


class LineReader:
    """Cuts bytes into lines as they come; what is no printable ASCII becomes U+FFFD."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take the bytes that came and return the lines that are complete with them."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_LONGEST:]
        return [text for text in map(_text, lines) if text]


def _text(line: bytes) -> str:
    """Return a line without its end; NULs, which a line has before a device drives it, are gone."""
    printable = (chr(byte) if 32 <= byte < 127 else "\ufffd" for byte in line.strip(b"\r\0"))  # noqa: PLR2004
    return "".join(printable)


def error_in(lines: Sequence[Line]) -> str:
    """Return what the first `e-[...]` says; empty if there is none."""
    return next((found[1] for line in lines if (found := _ERROR.fullmatch(line.text))), "")


def fault_in(lines: Sequence[Line]) -> Fault | None:
    """Return the registers of a fault that our firmware tells of; None if it does not."""
    told = next((found[1] for line in lines if (found := _FAULT.fullmatch(line.text))), None)
    return None if told is None else Fault(*(int(word, 16) for word in told.split()))


def boot_in(lines: Sequence[Line]) -> str | None:
    """Return "performance" or "energy" where the device has just started; else None.

    It is empty where only the end of what a device says at start is there.
    """
    found = [match for line in lines if (match := _BOOT.search(line.text))]
    return next((match[1] for match in found if match[1]), "") if found else None


def named(lines: Sequence[Line], what: str) -> str:
    """Return X of a line `m-<what>-[X]`, or `m-<what>-dut-[X]` as `name` has it; else ""."""
    pattern = re.compile(rf"m-{what}-(?:dut-)?\[([^\[\]]*)\]")
    return next((found[1] for line in lines if (found := pattern.search(line.text))), "")


def parse_infer(lines: Sequence[Line], iterations: int) -> Answered:
    """Return the answer to `infer` of so many iterations; raises `DamagedAnswerError`."""
    start = [line.time for line in lines if line.text == f"m-infer-start-{iterations}"]
    done = [line.time for line in lines if line.text == "m-infer-done"]
    if len(start) != 1 or len(done) != 1:
        raise DamagedAnswerError(f"m-infer-start-{iterations} and m-infer-done did not come once")
    laps = [(int(f[1]), line.time) for line in lines if (f := _LAP.fullmatch(line.text))]
    if len(laps) not in {0, 2}:
        raise DamagedAnswerError(f"m-lap-us came {len(laps)} times, not twice")
    answers = [found[1] for line in lines if (found := _RESULTS.fullmatch(line.text))]
    if len(answers) != 1:
        raise DamagedAnswerError(f"m-results came {len(answers)} times")
    # The reference's visual wake words ends its list with a comma.
    values = tuple(part.strip() for part in answers[0].removesuffix(",").split(","))
    if not all(map(_NUMBER.fullmatch, values)):
        raise DamagedAnswerError(f"m-results holds {answers[0][:60]!r}")
    if not laps:
        return Answered(values, None, start[0], done[0])
    (first, begin), (second, end) = laps
    microseconds = second - first if second >= first else (second - first) % _WRAP
    return Answered(values, microseconds, begin, end)


def parse_buffer(lines: Sequence[Line]) -> bytes:
    """Return the bytes that `db print` shows; what is torn is not among them."""
    shown = [found[1] for line in lines if (found := _BUFFER.fullmatch(line.text))]
    return b"".join(bytes.fromhex(text.replace("-", "")) for text in shown)
