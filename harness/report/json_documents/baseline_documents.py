"""The documents of `harness baseline`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from harness.results.judge.baseline import Baseline, file_name
from harness.results.record import Record
from harness.support.json_output import Document


class ListedBaseline(msgspec.Struct, frozen=True, kw_only=True):
    """A baseline: a run that a person accepted."""

    file: str
    """Path of the baseline's file."""
    accepted: str
    """The day when it was accepted (UTC, ISO 8601)."""
    because: str
    """The reason."""
    partial: bool
    """Whether only some of the vectors ran: only runs of as many are compared with it."""
    record: Record
    """The Record of the run."""


class BaselineListDocument(Document, frozen=True, tag="tinyml-harness/baseline-list/1"):
    """`harness baseline list`: the baselines in a folder."""

    folder: str
    """Path of the folder."""
    baselines: list[ListedBaseline]
    """The baselines, by combination."""


class BaselineAcceptDocument(Document, frozen=True, tag="tinyml-harness/baseline-accept/1"):
    """`harness baseline accept`: the runs that became baselines."""

    folder: str
    """Path of the folder."""
    baselines: list[ListedBaseline]
    """The new baselines."""


def baseline_list_document(baselines: Iterable[Baseline], folder: Path) -> BaselineListDocument:
    """Return the `baselines` in `folder`."""
    listed = [_listed(folder / file_name(baseline.record), baseline) for baseline in baselines]
    return BaselineListDocument(folder=str(folder), baselines=listed)


def baseline_accept_document(
    accepted: Mapping[Path, Baseline], folder: Path
) -> BaselineAcceptDocument:
    """Return the baselines that were `accepted` into `folder`, by their files."""
    listed = [_listed(path, baseline) for path, baseline in accepted.items()]
    return BaselineAcceptDocument(folder=str(folder), baselines=listed)


def _listed(path: Path, baseline: Baseline) -> ListedBaseline:
    return ListedBaseline(
        file=str(path),
        accepted=baseline.accepted,
        because=baseline.because,
        partial=baseline.record.subset is not None,
        record=baseline.record,
    )
