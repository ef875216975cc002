"""The gate's output in plain text: what got worse, why, and how to accept it."""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.report.comparison_text import change_line, explain
from harness.results.judge.compare import Judged
from harness.results.judge.gate import Judgement
from harness.results.judge.quantity_changes import quantity_changes
from harness.results.record import Record
from harness.support.printable import printable

_DEFAULT = Path("reports", "baselines")
_NOT_FAILING: Sequence[Judged] = ("better", "changed", "unclear")


def failure_text(judgement: Judgement, folder: Path) -> str:
    """Return what is wrong with a run that fails, why, and the command that accepts it."""
    lines = [_title(judgement, folder)]
    for allowance in dict.fromkeys(allowance for _, allowance in judgement.worse):
        budget = f", budget {allowance}" if allowance.value else ""
        worse = [delta for delta, its in judgement.worse if its == allowance]
        lines += [f"  {change_line(change)}{budget}" for change in quantity_changes(worse)]
    lines += [f"  {delta.name}: not comparable, {delta.why}" for delta in judgement.not_comparable]
    if judgement.baseline is None and judgement.record.subset:
        lines.append("  a run of some of the vectors is not compared with a baseline of all")
    if judgement.comparison:
        lines += [f"  why: {cause}" for cause in explain(judgement.comparison)]
    command = accept_command([judgement.record], folder)
    return "\n".join(map(printable, [*lines, f"  if this is intended: {command}"]))


def gate_summary(judgements: Sequence[Judgement], folder: Path) -> Iterator[str]:
    """Yield differences that fail nothing, and how many runs passed or failed the gate."""
    yield from map(printable, _summary(judgements, folder))


def _summary(judgements: Sequence[Judgement], folder: Path) -> Iterator[str]:
    for judgement in judgements:
        notices = list(_notices(judgement))
        if notices:
            yield f"{judgement.record.combination}:"
            yield from (f"  {line}" for line in notices)
        if judgement.baseline is None and not judgement.fails:
            yield _title(judgement, folder)
            yield f"  to make it the baseline: {accept_command([judgement.record], folder)}"
    better = [each.record for each in judgements if not each.fails and _is_better(each)]
    if better:
        yield from f"to tighten the baselines: {accept_command(better, folder)}".split("\n")
    yield _count(judgements, folder)


def _notices(judgement: Judgement) -> Iterator[str]:
    """Yield the differences that fail nothing.

    Other facts about a run that fails are in its `failure_text` already.
    """
    if judgement.comparison is None:
        return
    for change in quantity_changes(judgement.comparison.judged(*_NOT_FAILING)):
        yield f"{change.judged}: {change_line(change)}"
    if not judgement.fails:
        yield from (f"different {fact}" for fact in judgement.comparison.facts)
        if judgement.comparison.board_note:
            yield judgement.comparison.board_note


def _is_better(judgement: Judgement) -> bool:
    return judgement.comparison is not None and bool(judgement.comparison.judged("better"))


def accept_command(records: Sequence[Record], folder: Path) -> str:
    """Return the command that makes `records` the baselines in `folder`; several have lines."""
    ids = [shlex.quote(record.id) for record in records]
    where = [] if folder == _DEFAULT else [f"--baseline={shlex.quote(str(folder))}"]
    between = " " if len(ids) == 1 else " \\\n    "
    return between.join(["harness baseline accept", *ids, " ".join([*where, '--because "…"'])])


def _title(judgement: Judgement, folder: Path) -> str:
    title = str(judgement.record.combination)
    if judgement.baseline is None:
        of_subset = f" of {judgement.record.subset}" if judgement.record.subset else ""
        return f"{title}: there is no baseline{of_subset} in {folder}"
    what = "not comparable with"
    if judgement.worse:
        what = "worse than"
    elif judgement.other_model:
        what = "another model than"
    return f"{title}: {what} its baseline of {judgement.baseline.accepted}"


def _count(judgements: Sequence[Judgement], folder: Path) -> str:
    new = sum(judgement.baseline is None for judgement in judgements)
    failed = sum(judgement.fails for judgement in judgements if judgement.baseline)
    passed = len(judgements) - new - failed
    counts = ((passed, "passed"), (failed, "failed"), (new, "without a baseline"))
    text = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"baselines in {folder}: {text or 'no run was judged'}"
