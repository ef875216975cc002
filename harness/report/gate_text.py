"""What the gate says, in plain text: what got worse, why, and how to accept it."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.report.comparison_text import change, explain, shown
from harness.report.plain_text import printable
from harness.results.judge.compare import Delta, Judged
from harness.results.judge.gate import Judgement
from harness.results.record import Record

_DEFAULT = Path("reports", "baselines")
_TOLD: Sequence[Judged] = (
    "better",
    "changed",
    "unclear",
)  # what fails nothing, and is said in the end


def complaint(judgement: Judgement, folder: Path) -> str:
    """Return what is wrong with a run that fails, why, and the line that accepts it."""
    lines = [_title(judgement, folder)]
    for delta, allowance in judgement.worse:
        lines.append(f"  {_row(delta)}{f', budget {allowance}' if allowance.value else ''}")
    lines += [f"  {delta.name} cannot be judged: {delta.why}" for delta in judgement.unjudged]
    if judgement.comparison:
        lines += [f"  why: {cause}" for cause in explain(judgement.comparison)]
    accepted = accept_line([judgement.record], folder)
    return "\n".join(map(printable, [*lines, f"  if that is right: {accepted}"]))


def summary(judgements: Sequence[Judgement], folder: Path) -> Iterator[str]:
    """Yield what fails nothing and is to be known, and how many runs were judged how."""
    yield from map(printable, _summary(judgements, folder))


def _summary(judgements: Sequence[Judgement], folder: Path) -> Iterator[str]:
    for judgement in judgements:
        told = list(_told(judgement))
        if told:
            yield f"{judgement.record.combination}:"
            yield from (f"  {line}" for line in told)
        if judgement.baseline is None and not judgement.fails:
            yield _title(judgement, folder)
            yield f"  to keep it: {accept_line([judgement.record], folder)}"
    better = [each.record for each in judgements if not each.fails and _better(each)]
    if better:
        yield f"tighten the baselines: {accept_line(better, folder)}"
    yield _count(judgements, folder)


def _told(judgement: Judgement) -> Iterator[str]:
    """Yield what fails nothing; what a run that fails is of, its complaint says."""
    if judgement.comparison is None:
        return
    for delta in judgement.comparison.judged(*_TOLD):
        yield f"{delta.judged}: {_row(delta)}"
    if not judgement.fails:
        yield from (f"another {fact}" for fact in judgement.comparison.facts)


def _better(judgement: Judgement) -> bool:
    return judgement.comparison is not None and bool(judgement.comparison.judged("better"))


def accept_line(records: Iterable[Record], folder: Path) -> str:
    """Return the command that makes `records` the baselines in `folder`."""
    ids = " ".join(shlex.quote(record.id) for record in records)
    where = "" if folder == _DEFAULT else f"--baseline={shlex.quote(str(folder))} "
    return f'harness baseline accept {ids} {where}--because "…"'


def _title(judgement: Judgement, folder: Path) -> str:
    title = str(judgement.record.combination)
    if judgement.baseline is None:
        return f"{title}: there is no baseline in {folder}"
    what = "not to be compared with"
    if judgement.worse:
        what = "worse than"
    elif judgement.other_model:
        what = "another model than"
    return f"{title}: {what} its baseline of {judgement.baseline.accepted}"


def _row(delta: Delta) -> str:
    why = f" [{delta.why}]" if delta.why else ""
    return f"{delta.name} {shown(delta.old)} → {shown(delta.new)}, {change(delta)}{why}"


def _count(judgements: Sequence[Judgement], folder: Path) -> str:
    new = sum(judgement.baseline is None for judgement in judgements)
    worse = sum(judgement.fails for judgement in judgements if judgement.baseline)
    fine = len(judgements) - new - worse
    counts = ((fine, "no worse"), (worse, "not accepted"), (new, "without a baseline"))
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"baselines in {folder}: {told or 'no run was judged'}"
