"""The files of runs that ended with an infrastructure error, and so without a Record.

There is one for the newest such run of each model at each place. Without them, a night in which
boards fail would look like a night without these runs.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from harness.board.device_info import Text
from harness.results.combination import Combination
from harness.results.farm.struct_files import read_structs, write_struct

Name = Annotated[str, Meta(min_length=1, pattern=r"\A[^\x00]*\Z")]


class FailedRun(msgspec.Struct, frozen=True):
    """A run that ended with an infrastructure error."""

    ended: Name
    """When it ended, ISO 8601 with the time zone."""
    session: Text
    """The session; the Records of its other runs have the same."""
    target: Name
    """Name of the target."""
    model: Name
    """Name of the model."""
    engine: Text
    """Name of the engine."""
    toolchain: Text
    """Name of the toolchain."""
    optimize: Text
    """The optimization flag."""
    place: Text
    """Name of the place in the farm. It is empty without one, or if none could be acquired."""
    moved_to: Text
    """The place that did the work instead. It is empty if none did."""
    error: Text
    """What happened."""
    where: Text
    """Where it happened."""
    remedy: Text
    """What to do about it."""
    host: Text
    """Name of the machine that ran the session."""
    harness: Text
    """Version of the harness."""

    def __post_init__(self) -> None:
        """Refuse what is not a time."""
        _ = self.time

    @property
    def time(self) -> datetime:
        """When it ended, with a time zone."""
        time = datetime.fromisoformat(self.ended)
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    @property
    def combination(self) -> Combination:
        """What was to run."""
        return Combination(self.target, self.model, self.engine, self.toolchain, self.optimize)

    @property
    def title(self) -> str:
        """What was to run, and where."""
        return f"{self.model} on {self.target}{f' at {self.place}' if self.place else ''}"

    @property
    def summary(self) -> str:
        """The error in one line."""
        moved = f"; its work moved to {self.moved_to}" if self.moved_to else ""
        return f"{self.error.partition(chr(10))[0]}{moved}"


def write_failure(failed: FailedRun, folder: Path) -> None:
    """Write `failed` to its file in `folder`."""
    digest = hashlib.sha256("\0".join((*failed.combination, failed.place)).encode()).hexdigest()
    write_struct(failed, folder / f"{digest[:16]}.json")


def read_failures(folder: Path) -> list[FailedRun]:
    """Return the failed runs of `folder`, oldest first; other files are named, and skipped."""
    failures = read_structs(folder, FailedRun, "a failed run")
    return sorted(failures, key=lambda failed: failed.time)
