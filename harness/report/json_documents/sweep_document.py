"""The document of `harness sweep`: the result of every combination."""

from collections.abc import Sequence

from harness.report.json_documents.named_combination import NamedCombination
from harness.results.judge.sweep_row import SweepRow, groups
from harness.results.outcome import Outcome
from harness.results.record import Record
from harness.support.json_output import Document, Problem


class SweptCombination(NamedCombination, frozen=True, kw_only=True):
    """The result of one combination."""

    outcome: Outcome
    """`ran`: only some vectors ran, too few for a verdict."""
    best: bool
    """Whether it is Pareto-optimal in flash and ticks among those of its target and model that
    passed.
    """
    record: Record | None
    """The Record. It is null if the combination did not run."""
    file: str
    """Path of the Record's file. It is empty if there is none."""
    error: Problem | None
    """Why it did not run, or why its Record could not be written."""


class SweepDocument(Document, frozen=True, tag="tinyml-harness/sweep/1"):
    """`harness sweep`: every combination, by target and model."""

    passed: bool
    """Whether everything ran and passed, as the exit code 0 says."""
    selected: int
    """How many combinations the options select."""
    complete: bool
    """Whether each of them was tried. An interruption leaves some out."""
    combinations: list[SweptCombination]
    """The combinations, in their order."""
    errors: list[Problem]
    """What ended the sweep early."""
    notes: list[str]
    """What the numbers do not show."""


def sweep_document(
    rows: Sequence[SweepRow], selected: int, errors: Sequence[Problem], notes: Sequence[str]
) -> SweepDocument:
    """Return the results in `rows`, of as many combinations as are `selected`."""
    complete = len(rows) == selected
    return SweepDocument(
        passed=complete and not errors and not any(row.reasons for row in rows),
        selected=selected,
        complete=complete,
        combinations=[
            SweptCombination(
                target=row.target,
                model=row.model,
                engine=row.engine,
                toolchain=row.toolchain,
                opt=row.opt,
                outcome=row.outcome,
                best=row.best,
                record=row.record,
                file=str(row.file or ""),
                error=None if row.error is None else Problem.of(row.error),
            )
            for group in groups(rows)
            for row in group
        ],
        errors=list(errors),
        notes=list(notes),
    )
