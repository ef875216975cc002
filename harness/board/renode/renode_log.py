"""Renode's log, read while it grows: readings of the counter, and what stops or faults a chip.

Renode writes each line before the core goes on (machine.CONFIGURATION), so the log is complete
when the device's answer arrives.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from harness.board.renode.readings import (
    Access,
    Accesses,
    Counts,
    Inference,
    Pair,
    Readings,
    agree,
)

READING = "the counter is read after {0} instructions"
"""The text of the line that a hook writes at each call of the function that reads the counter."""

LOAD = "the counter register is read after {0} instructions, at {1}"
"""The text of the line that a hook writes at each load of the register, with the load's address."""

INTERRUPT = "an interrupt {1} after {0} instructions"
"""The text of the line that a hook writes where an interrupt `begins` or `ends`."""

_READING = re.compile(r"\] (?:\S+/)?(?P<core>\w+): the counter is read after (?P<count>\d+) ")
_LOAD = re.compile(
    r"\] (?:\S+/)?(?P<core>\w+): the counter register is read after (?P<count>\d+) "
    r"instructions, at (?P<pc>0x[0-9A-Fa-f]+)"
)
_INTERRUPT = re.compile(
    r"\] (?:\S+/)?(?P<core>\w+): an interrupt (?P<edge>begins|ends) after (?P<count>\d+) "
)
_HOOKS = (_READING, _LOAD, _INTERRUPT)
# Without a tag between the core and the access: a tag stands for a peripheral of the chip.
_UNMAPPED = re.compile(
    r"\[(?P<core>\w+): (?P<pc>0x[0-9A-Fa-f]+)\] (?P<kind>Read|Write)(?P<width>[A-Z]\w+) "
    r"(?:from|to) non existing peripheral at (?P<address>0x[0-9A-Fa-f]+)"
)
_ABORT = re.compile(r"CPU abort \[PC=(?P<pc>0x[0-9A-Fa-f]+)\]: (?P<why>.*)")
_NOTABLE = re.compile(r"\[(?:WARNING|ERROR)\]")
_WIDTHS = {"Byte": 1, "Word": 2, "DoubleWord": 4, "QuadWord": 8}
_BRACKET = 2  # readings: firmware/app/main.c, bracket()
_TAIL = 1 << 16  # bytes of the log's end that are searched for an excerpt
_TAIL_LINES = 10


class Abort(NamedTuple):
    """Renode gave up executing at `pc`."""

    pc: int
    why: str


class RenodeLog:
    """The log at `path` of a machine with `core`, which runs code in the ranges `code`.

    Without `calls`, the firmware has no function whose calls are the readings of its counter: every
    load of the counter's register is one.
    """

    def __init__(self, path: Path, core: str, code: Sequence[range], *, calls: bool = True) -> None:
        self.abort: Abort | None = None
        self.unmapped = Accesses()
        """Accesses to nothing, except those to addresses of peripherals outside an inference."""
        self._path = path
        self._core = core
        self._code = code
        self._position = 0
        self._first: list[int] = []
        self._has_calls = calls
        self._calls = Readings()  # or all loads
        self._loads: dict[int, Readings] = {}  # by the address of the load
        self._load: int | None = None
        self._interrupt = 0  # when the interrupt that runs began

    @property
    def has_load(self) -> bool:
        """Whether the loads of the register count from here on, and calls no longer matter.

        So it is when both have agreed.
        """
        return self._load is not None

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
        pairs = self._counting.last(count)
        if pairs is None:
            return None
        if self._load is None and self._has_calls:
            self._load = self._agreeing(pairs)
        for each in self._all_readings():
            each.clear()
        for inference, (_, end) in enumerate(pairs):
            self.unmapped.add(end.accesses.first, end.accesses.count, inference)
        empty = self._first[1] - self._first[0] if self._has_calls else None
        inferences = (Inference(end.at - begin.at, end.interrupts) for begin, end in pairs)
        return Counts(tuple(inferences), empty)

    def excerpt(self) -> list[str]:
        """Return the last warnings and errors, or else the last lines."""
        if not self._path.is_file():
            return []
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - _TAIL))
            lines = file.read(_TAIL).decode("utf-8", "replace").splitlines()
        lines = [line for line in lines if not any(hook.search(line) for hook in _HOOKS)]
        return ([line for line in lines if _NOTABLE.search(line)] or lines)[-_TAIL_LINES:]

    def _read(self, line: str) -> None:
        if reading := _READING.search(line):
            if reading["core"] == self._core:
                self._add_reading(int(reading["count"]))
        elif load := _LOAD.search(line):
            if load["core"] == self._core:
                self._add_load(int(load["pc"], 16), int(load["count"]))
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
                self._add_access(access)
        elif abort := _ABORT.search(line):
            self.abort = Abort(int(abort["pc"], 16), abort["why"].strip())

    @property
    def _counting(self) -> Readings:
        return self._calls if self._load is None else self._loads[self._load]

    def _all_readings(self) -> tuple[Readings, ...]:
        return (self._calls, *self._loads.values())

    def _agreeing(self, calls: list[Pair]) -> int | None:
        """Return the address of the load whose readings agree with `calls`."""
        for address, readings in self._loads.items():
            loads = readings.last(len(calls))
            if loads is not None and agree(calls, loads):
                return address
        return None

    def _add_load(self, pc: int, count: int) -> None:
        if self._has_calls:
            self._loads.setdefault(pc, Readings()).add(count)
        else:
            self._add_reading(count)

    def _add_reading(self, count: int) -> None:
        if len(self._first) < _BRACKET:
            self._first.append(count)
        self._calls.add(count)

    def _add_access(self, access: Access) -> None:
        if not access.is_peripheral:
            self.unmapped.add(access, inference=self._counting.inferences)
            return
        for readings in self._all_readings():
            readings.add_access(access)

    def _add_interrupt(self, edge: str, count: int) -> None:
        if edge == "begins":
            self._interrupt = count
            return
        for readings in self._all_readings():
            readings.add_interrupt(count - self._interrupt)
