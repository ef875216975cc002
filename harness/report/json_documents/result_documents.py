"""The documents of the commands that read Records: push, export, report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from harness.report.combination_status import CombinationStatus
from harness.report.json_documents.named_run import NamedRun, named_run
from harness.report.report_data import Summary
from harness.results.store.push import Pushed
from harness.support.json_output import Document, Problem


class PushDocument(Document, frozen=True, tag="tinyml-harness/push/1"):
    """`harness push`: what happened to the Records."""

    added: int
    """How many Records were added to the store."""
    existing: int
    """How many the store had already."""
    left: int
    """How many belong to sessions that still run, and were left to them."""
    skipped: list[Problem]
    """Files that are not Records."""


class ExportDocument(Document, frozen=True, tag="tinyml-harness/export/1"):
    """`harness export`: the file that was written."""

    file: str
    """Path of the file."""
    content: Literal["numbers", "spreads"]
    """`numbers`: the numbers of all runs. `spreads`: those between boards of one kind."""
    rows: int
    """How many numbers or spreads it has."""
    runs: int | None
    """How many runs it has. It is null for spreads."""


Status = Literal["failed", "worse", "did not run", "no baseline", "better", "small", "passed"]


class ReportedRun(NamedRun, frozen=True, kw_only=True):
    """The newest run of a combination."""

    status: Status
    """The most important finding. `did not run`: other combinations are newer. `small`: only small
    changes.
    """


class ReportDocument(Document, frozen=True, tag="tinyml-harness/report/1"):
    """`harness report`: the file that was written, and what it shows."""

    file: str
    """Path of the HTML file."""
    markdown: str
    """Path of the summary in Markdown. It is empty without `--markdown`."""
    badge: str
    """Path of the badge. It is empty without `--badge`."""
    headline: str
    """The most important result, in a few words."""
    grade: Literal["bad", "doubt", "good"]
    """`bad`: something failed or got worse. `doubt`: a person should look at something."""
    runs: int
    """How many runs the report is on."""
    first: str
    """When the first of them started, ISO 8601 with the time zone."""
    last: str
    """When the last of them started."""
    combinations: list[ReportedRun]
    """The newest run of each combination."""


def push_document(pushed: Pushed) -> PushDocument:
    """Return what `pushed` counts."""
    return PushDocument(
        added=pushed.added,
        existing=pushed.existing,
        left=pushed.left,
        skipped=list(map(Problem.of, pushed.skipped)),
    )


def report_document(
    summary: Summary, path: Path, markdown: Path | None, badge: Path | None
) -> ReportDocument:
    """Return what the report in the file `path` shows."""
    findings: Sequence[tuple[Status, Sequence[CombinationStatus]]] = (
        ("failed", summary.failed),
        ("worse", summary.worse),
        ("did not run", [each for each in summary.statuses if each.stale]),
        ("no baseline", summary.new),
        ("better", summary.better),
        ("small", summary.small_changes),
    )
    status = {each.record.id: name for name, some in reversed(findings) for each in some}
    return ReportDocument(
        file=str(path),
        markdown=str(markdown or ""),
        badge=str(badge or ""),
        headline=summary.headline,
        grade=summary.grade,
        runs=summary.runs,
        first=summary.first.isoformat(),
        last=summary.last.isoformat(),
        combinations=[
            ReportedRun(
                **msgspec.structs.asdict(named_run(each.record)),
                status=status.get(each.record.id, "passed"),
            )
            for each in summary.statuses
        ],
    )
