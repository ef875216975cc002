"""Renode's log, read while it grows: readings of the counter, and what stops or faults a chip.

Renode writes each line before the core goes on (machine.CONFIGURATION), so the log is complete
when the device's answer arrives.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

READING = "the counter is read after {0} instructions"
"""The text of the line that a hook writes at each reading of the counter."""

INTERRUPT = "an interrupt {1} after {0} instructions"
"""The text of the line that a hook writes where an interrupt `begins` or `ends`."""

_READING = re.compile(r"\] (?:\S+/)?(?P<core>\w+): the counter is read after (?P<count>\d+) ")
_INTERRUPT = re.compile(
    r"\] (?:\S+/)?(?P<core>\w+): an interrupt (?P<edge>begins|ends) after (?P<count>\d+) "
)
# Without a tag between the core and the access: a tag stands for a peripheral of the chip.
_UNMAPPED = re.compile(
    r"\[(?P<core>\w+): (?P<pc>0x[0-9A-Fa-f]+)\] (?P<kind>Read|Write)(?P<width>[A-Z]\w+) "
    r"(?:from|to) non existing peripheral at (?P<address>0x[0-9A-Fa-f]+)"
)
_ABORT = re.compile(r"CPU abort \[PC=(?P<pc>0x[0-9A-Fa-f]+)\]: (?P<why>.*)")
_NOTABLE = re.compile(r"\[(?:WARNING|ERROR)\]")
_WIDTHS = {"Byte": 1, "Word": 2, "DoubleWord": 4, "QuadWord": 8}
_BRACKET = 2  # readings: firmware/app/main.c, bracket()
_READINGS = 1 << 16  # that are kept; more inferences do not come at once
_TAIL = 1 << 16  # bytes of the log's end that are searched for an excerpt
_TAIL_LINES = 10

# Peripherals and the system region (Armv7-M ARM, B3.1): a platform has only some of the chip's.
_PERIPHERALS = (range(0x4000_0000, 0x6000_0000), range(0xE000_0000, 1 << 32))


class Access(NamedTuple):
    """A read or write by the instruction at `pc` of an address where the platform has nothing."""

    pc: int
    kind: str
    size: int
    address: int

    def __str__(self) -> str:
        unit = "byte" if self.size == 1 else "bytes"
        return f"a {self.kind} of {self.size} {unit} at {self.address:#010x}"

    @property
    def is_peripheral(self) -> bool:
        """Whether the address is one of a peripheral, which the chip may have."""
        return any(self.address in region for region in _PERIPHERALS)


class Abort(NamedTuple):
    """Renode gave up executing at `pc`."""

    pc: int
    why: str


@dataclass
class Accesses:
    """How many accesses there were, and the first of them."""

    count: int = 0
    first: Access | None = None

    def add(self, access: Access | None, count: int = 1) -> None:
        """Count `count` more accesses. The first of them is `access`."""
        self.first = self.first or access
        self.count += count


@dataclass(frozen=True)
class Interrupts:
    """How many interrupts ended, and the instructions executed in them."""

    count: int = 0
    instructions: int = 0


class Inference(NamedTuple):
    """Renode's numbers for an inference, which lies between two readings of the counter."""

    instructions: int
    """Instructions, with those of interrupts."""
    interrupts: Interrupts
    """The interrupts."""


class Counts(NamedTuple):
    """Renode's numbers for the inferences that have just ended."""

    inferences: tuple[Inference, ...]
    """One entry for each of them."""
    empty: int
    """Instructions between the first two readings."""


class _Reading(NamedTuple):
    """A reading of the counter, and what happened since the one before."""

    at: int
    accesses: Accesses
    interrupts: Interrupts


class RenodeLog:
    """The log at `path` of a machine with `core`, which runs code in the ranges `code`."""

    def __init__(self, path: Path, core: str, code: Sequence[range]) -> None:
        self.abort: Abort | None = None
        self.unmapped = Accesses()
        """Accesses to nothing, except those to addresses of peripherals outside an inference."""
        self._path = path
        self._core = core
        self._code = code
        self._position = 0
        self._first: list[int] = []
        self._last: deque[_Reading] = deque(maxlen=_READINGS)
        self._since = Accesses()  # to peripherals that the platform lacks, since the last reading
        self._interrupt = 0  # when the interrupt that runs began
        self._handled = Interrupts()  # since the last reading

    def update(self) -> None:
        """Read the lines that are new."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._position += len(line)
                self._read(line.decode("utf-8", "replace"))

    def brackets(self, count: int = 1) -> Counts | None:
        """Return what was counted in the last `count` inferences.

        In an inference, an access to a peripheral that the platform lacks is one to nothing. None
        if the counter was not read so often since the last call.
        """
        readings = list(self._last)[-_BRACKET * count :]
        if len(readings) < _BRACKET * count:
            return None
        self._last.clear()
        pairs = list(zip(readings[::2], readings[1::2], strict=True))
        for _, end in pairs:
            self.unmapped.add(end.accesses.first, end.accesses.count)
        before, after = self._first
        inferences = (Inference(end.at - begin.at, end.interrupts) for begin, end in pairs)
        return Counts(tuple(inferences), after - before)

    def excerpt(self) -> list[str]:
        """Return the last warnings and errors, or else the last lines."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).decode("utf-8", "replace").splitlines()
        lines = [line for line in lines if not (_READING.search(line) or _INTERRUPT.search(line))]
        return ([line for line in lines if _NOTABLE.search(line)] or lines)[-_TAIL_LINES:]

    def _read(self, line: str) -> None:
        if reading := _READING.search(line):
            if reading["core"] == self._core:
                self._add_reading(int(reading["count"]))
        elif interrupt := _INTERRUPT.search(line):
            if interrupt["core"] == self._core:
                self._add_interrupt(interrupt["edge"], int(interrupt["count"]))
        elif match := _UNMAPPED.search(line):
            access = Access(
                int(match["pc"], 16),
                match["kind"].lower(),
                _WIDTHS.get(match["width"], 0),
                int(match["address"], 16),
            )
            if match["core"] == self._core and any(access.pc in part for part in self._code):
                (self._since if access.is_peripheral else self.unmapped).add(access)
        elif abort := _ABORT.search(line):
            self.abort = Abort(int(abort["pc"], 16), abort["why"].strip())

    def _add_reading(self, count: int) -> None:
        if len(self._first) < _BRACKET:
            self._first.append(count)
        self._last.append(_Reading(count, self._since, self._handled))
        self._since, self._handled = Accesses(), Interrupts()

    def _add_interrupt(self, edge: str, count: int) -> None:
        if edge == "begins":
            self._interrupt = count
        else:
            handled = self._handled
            spent = handled.instructions + count - self._interrupt
            self._handled = Interrupts(handled.count + 1, spent)
