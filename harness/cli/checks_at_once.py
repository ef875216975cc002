"""Checks several places at once: each in a `harness farm check` of its own.

pyOCD has one session in a process, and a check that hangs or ends hard then ends no other one.
"""

import os
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from typing import IO

import msgspec

from harness.errors import DefectError, HarnessError, InfrastructureError, InputError, InUseError
from harness.report.json_documents.farm_documents import FarmCheckDocument
from harness.runs.check.check_result import BoardCheck
from harness.runs.check.checked_boards import CheckedBoard
from harness.support.json_output import ErrorDocument, Problem
from harness.support.owned_process import OwnedProcess
from harness.support.progress import Progress

Outcome = BoardCheck | HarnessError

_AT_ONCE = min(8, 2 * (os.cpu_count() or 1))  # mostly they wait, for probes and clocks
_LIMIT = 600.0  # seconds; each wait of a check has a deadline, and their sum is shorter
_POLL = 0.05
_CHUNK = 1 << 16  # bytes
_TAIL = 500  # characters
_KINDS: dict[str, type[HarnessError]] = {
    "input": InputError,
    "infrastructure": InfrastructureError,
}


def check_at_once(
    boards: Sequence[CheckedBoard], target: str, progress: Progress
) -> Generator[Outcome]:
    """Yield the outcomes in the order of `boards`, which are at places.

    `target` is the one that the user named, or empty.
    """
    waiting, running = list(boards), dict[str, _Running]()
    outcomes: dict[str, Outcome] = {}
    with progress.step("checking", len(boards), "places") as step:
        try:
            for board in boards:
                while board.name not in outcomes:
                    while waiting and len(running) < _AT_ONCE:
                        started = _Running(waiting.pop(0), target)
                        running[started.name] = started
                    for each in [each for each in running.values() if each.has_ended()]:
                        outcomes[each.name] = each.outcome(progress)
                        del running[each.name]
                        step()
                    time.sleep(_POLL)
                yield outcomes[board.name]
        finally:
            for each in running.values():
                each.stop()


class _Running:
    """A command that checks `board`."""

    def __init__(self, board: CheckedBoard, target: str) -> None:
        self.name = board.name
        self._output = bytearray()
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - until `stop`
        self._process = OwnedProcess(_command(board, target), self._log, talks=True)
        self._end = time.monotonic() + _LIMIT + board.options.lock_timeout
        os.set_blocking(self._process.stdout.fileno(), False)

    def has_ended(self) -> bool:
        """Read what it has written, and return whether it has ended, or is late."""
        while chunk := self._process.stdout.read(_CHUNK):
            self._output += chunk
        return chunk is not None or time.monotonic() > self._end

    def outcome(self, progress: Progress) -> Outcome:
        """End it; return what it found, and show its warnings."""
        self._process.stop(in_order=True)
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").rstrip()
        self.stop()
        try:
            found = msgspec.json.decode(self._output, type=FarmCheckDocument | ErrorDocument)
        except msgspec.DecodeError:
            return InfrastructureError(
                f"the check ended without a result: {said[-_TAIL:] or 'it was killed, or is late'}",
                where=f"place {self.name}",
                remedy=f"harness -v farm check {self.name} shows what it does",
            )
        if said and isinstance(found, FarmCheckDocument):
            progress.write(said)
        return _outcome(found)

    def stop(self) -> None:
        """End it, so that it releases its place; a second call does nothing."""
        self._process.stop(in_order=True)
        self._log.close()


def _command(board: CheckedBoard, target: str) -> list[str]:
    options = board.options
    given = {
        "target": target,
        "coordinator": options.coordinator,
        "pack": options.pack,
        "lock-timeout": f"{options.lock_timeout}",
        "priority": "" if options.priority is None else f"{options.priority}",
    }
    named = [f"--{name}={value}" for name, value in given.items() if value]
    return [
        *(sys.executable, "-P", "-m", "harness", "farm", "check", "--quiet", "--json"),
        *(*named, "--", board.name),
    ]


def _outcome(found: FarmCheckDocument | ErrorDocument) -> Outcome:
    if isinstance(found, ErrorDocument):
        return _error(found)
    if found.checks:
        return found.checks[0]
    (unchecked,) = found.unchecked
    return _error(unchecked.error, InUseError if unchecked.busy else None)


def _error(problem: Problem, kind: type[HarnessError] | None = None) -> HarnessError:
    kind = kind or _KINDS.get(problem.kind, DefectError)
    return kind(problem.message, where=problem.where, remedy=problem.remedy)
