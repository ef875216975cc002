"""The document of `harness compare`: pairs of runs, their numbers, and possible causes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from harness.report.json_documents.compared_number import ComparedNumber, keys_of
from harness.report.json_documents.named_run import NamedRun, named_run
from harness.results.judge.causes import PartChange, layer_changes, symbol_changes
from harness.results.judge.compare import Comparison, Delta
from harness.results.judge.matching import Pairs
from harness.results.judge.quantity_changes import is_small, quantity_changes
from harness.support.json_output import Document


class ComparedNumberOfRuns(ComparedNumber, frozen=True, kw_only=True):
    """A number of the two runs."""

    small: bool
    """Whether it changed, but by less than `--small`."""


class DifferentFact(msgspec.Struct, frozen=True, kw_only=True):
    """A property that differs between the runs, and that may be the cause of a change."""

    name: str
    """Name of the property, such as `compiler` or `flags`."""
    old: str
    """That of the old run. It is empty if the run has none."""
    new: str
    """That of the new run."""


class ChangedPart(msgspec.Struct, frozen=True, kw_only=True):
    """A layer that takes another time, or a symbol that has another size."""

    of: Literal["layers", "flash", "ram"]
    """`layers`: the numbers are ticks. `flash`, `ram`: they are bytes."""
    name: str
    """The layer, or the symbol and its file."""
    old: int
    """Ticks or bytes in the old run."""
    new: int
    """Ticks or bytes in the new run."""


class ComparedRuns(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs."""

    old: NamedRun
    """The run of A."""
    new: NamedRun
    """The run of B."""
    numbers: list[ComparedNumberOfRuns]
    """The numbers of both: first those that changed, what matters most first."""
    facts: list[DifferentFact]
    """What else differs."""
    provenance: str
    """Whether the image is the same, or between which commits it changed. It may be empty."""
    board: str
    """Which board ran before and after, if it is another one of the same kind. It may be empty."""
    parts: list[ChangedPart]
    """The layers and symbols that changed, of each sort the largest difference first."""


class CompareDocument(Document, frozen=True, tag="tinyml-harness/compare/1"):
    """`harness compare`: the runs of A and of B in pairs."""

    small: float
    """The share below which a change is small (0.001: 0.1 %)."""
    comparisons: list[ComparedRuns]
    """The pairs."""
    only_a: list[NamedRun]
    """The runs of A that have no partner."""
    only_b: list[NamedRun]
    """The runs of B that have no partner."""


def compare_document(
    comparisons: Iterable[Comparison], pairs: Pairs, small: float
) -> CompareDocument:
    """Return the `comparisons` of `pairs`; changes below the share `small` are small."""
    return CompareDocument(
        small=small,
        comparisons=[compared_runs(comparison, small) for comparison in comparisons],
        only_a=list(map(named_run, pairs.only_old)),
        only_b=list(map(named_run, pairs.only_new)),
    )


def compared_runs(comparison: Comparison, small: float) -> ComparedRuns:
    """Return `comparison` for a document."""
    return ComparedRuns(
        old=named_run(comparison.old),
        new=named_run(comparison.new),
        numbers=[
            ComparedNumberOfRuns(**keys_of(delta), small=is_small(delta, small) and _differs(delta))
            for delta in _ordered(comparison.deltas, small)
        ],
        facts=[
            DifferentFact(name=fact.name, old=fact.old, new=fact.new) for fact in comparison.facts
        ],
        provenance=comparison.provenance,
        board=comparison.board_note,
        parts=list(_parts(comparison)),
    )


def _ordered(deltas: Sequence[Delta], small: float) -> list[Delta]:
    """Return `deltas` with the changes in the order of the text, and the others behind."""
    changed = [delta for change in quantity_changes(deltas, small) for delta in change.deltas]
    names = {delta.name for delta in changed}
    return [*changed, *(delta for delta in deltas if delta.name not in names)]


def _differs(delta: Delta) -> bool:
    return delta.judged not in {"same", "not comparable"}


def _parts(comparison: Comparison) -> Iterator[ChangedPart]:
    old, new = comparison.old, comparison.new
    yield from (_part("layers", part) for part in layer_changes(old, new))
    yield from (_part("flash", part) for part in symbol_changes(old, new, "flash"))
    yield from (_part("ram", part) for part in symbol_changes(old, new, "ram"))


def _part(of: Literal["layers", "flash", "ram"], part: PartChange) -> ChangedPart:
    return ChangedPart(of=of, name=part.name, old=part.old, new=part.new)
