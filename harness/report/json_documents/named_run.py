"""A run by its name and origin, for documents that do not need its whole Record."""

from harness.report.json_documents.named_combination import NamedCombination
from harness.results.record import Record


class NamedRun(NamedCombination, frozen=True, kw_only=True):
    """A run: what ran, when, and from which commit."""

    id: str
    """Id of the run's Record."""
    started: str
    """When it started, ISO 8601 with the time zone."""
    verdict: str
    """`passed` or `failed`."""
    commit: str = ""
    """Hash of the commit. It is empty outside git."""
    dirty: bool = False
    """Whether files differed from the commit."""
    branch: str = ""
    """Name of the branch. It is empty if none was checked out."""


def named_run(record: Record) -> NamedRun:
    """Return the run of `record`."""
    target, model, engine, toolchain, opt = record.combination
    commit = record.commit
    return NamedRun(
        target=target,
        model=model,
        engine=engine,
        toolchain=toolchain,
        opt=opt,
        id=record.id,
        started=record.started,
        verdict=record.verdict,
        commit=commit.hash if commit else "",
        dirty=commit.dirty if commit else False,
        branch=commit.branch if commit else "",
    )
