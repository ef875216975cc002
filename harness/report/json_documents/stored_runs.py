"""The documents of `harness runs` and `harness show`: runs in a store, and their Records."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

import msgspec

from harness.report.json_documents.named_combination import NamedCombination
from harness.results.outcome import Outcome, outcome_of
from harness.results.record import Record
from harness.support.json_output import Document

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry


class StoredRun(NamedCombination, frozen=True, kw_only=True):
    """A run in the store, without its numbers."""

    id: str
    """ID of the run."""
    started: str
    """When the run was recorded: ISO 8601, in UTC."""
    verdict: Literal["passed", "failed"]
    """The Record's verdict."""
    branch: str
    """The branch of git. It is empty if none was checked out."""
    commit: str
    """The commit of git. It is empty outside git."""
    dirty: bool
    """Whether the repository had changes that were not committed."""
    place: str
    """The place in the farm. It is empty if it is not known."""
    chip_id: str
    """The chip's unique ID. It is empty if it is not known."""


class RunsDocument(Document, frozen=True, tag="tinyml-harness/runs/1"):
    """`harness runs`: the runs that the options select."""

    count: int
    """How many runs the options select."""
    runs: list[StoredRun]
    """The newest of them, newest first, and at most `--limit`."""


class ShownRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run and its Record."""

    outcome: Outcome
    """The Record's verdict; `ran` if only some vectors ran, too few for a verdict."""
    record: Record
    """The Record."""


class ShowDocument(Document, frozen=True, tag="tinyml-harness/show/1"):
    """`harness show`: the Records of the named runs."""

    runs: list[ShownRun]
    """The runs, in their order."""


def runs_document(entries: Iterable["Entry"], count: int) -> RunsDocument:
    """Return `entries`, the newest of `count` runs, as a document."""
    return RunsDocument(count=count, runs=[_stored(entry) for entry in entries])


def show_document(records: Iterable[Record]) -> ShowDocument:
    """Return `records` as a document."""
    return ShowDocument(
        runs=[ShownRun(outcome=outcome_of(record), record=record) for record in records]
    )


def _stored(entry: "Entry") -> StoredRun:
    return StoredRun(
        id=entry.id,
        started=entry.started.isoformat(),
        verdict="passed" if entry.verdict == "passed" else "failed",
        target=entry.target,
        model=entry.model,
        engine=entry.engine,
        toolchain=entry.toolchain,
        opt=entry.optimize,
        branch=entry.branch,
        commit=entry.commit,
        dirty=entry.dirty,
        place=entry.place,
        chip_id=entry.chip_id,
    )
