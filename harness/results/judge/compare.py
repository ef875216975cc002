"""The comparison of two runs: what got better or worse, and the possible causes in the Records.

Exact numbers are compared with ==, measured ones by the change points of their history, and
estimates only with estimates from the same model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from harness.measure.number import Kind, Number
from harness.results.judge.boards import board_note
from harness.results.judge.change_points import (
    MIN_CHANGE,
    MIN_HISTORY,
    Level,
    levels_of,
    relative,
)
from harness.results.judge.metrics import metric_of
from harness.results.judge.run_context import Fact, differences, provenance
from harness.results.record import Record

Judged = Literal["same", "better", "worse", "changed", "unclear", "not comparable"]
Sample = tuple[str, float]
"""A run's id, and a number of this run."""
History = Callable[[str], Sequence[Sample]]
"""Returns the samples of a metric, oldest first."""


def no_history(name: str) -> Sequence[Sample]:  # noqa: ARG001 - the name
    """Return no samples, if only the two runs are known."""
    return ()


@dataclass(frozen=True)
class Delta:
    """A number of two runs, how it is judged, and why if that needs a reason.

    For a measured number with a history, `old` and `new` are the levels of the two runs.
    """

    name: str
    old: Number | None
    new: Number | None
    judged: Judged
    why: str = ""

    @property
    def kind(self) -> Kind | None:
        """The kind of the number."""
        number = self.new or self.old
        return number.kind if number else None

    @property
    def difference(self) -> float:
        """New minus old, in the unit of the number; 0 if one is missing."""
        return self.new.value - self.old.value if self.old and self.new else 0.0

    @property
    def relative(self) -> float:
        """The difference relative to the old number; 0 if one is missing."""
        return relative(self.old.value, self.new.value) if self.old and self.new else 0.0


@dataclass(frozen=True)
class Comparison:
    """Two runs, their numbers, and the facts that differ."""

    old: Record
    new: Record
    deltas: Sequence[Delta]
    facts: Sequence[Fact]

    @property
    def board_note(self) -> str:
        """That another board ran the new run; empty if it is the same one, or not known."""
        return board_note(self.old, self.new)

    @property
    def provenance(self) -> str:
        """Whether the image is the same, or between which commits it changed."""
        return provenance(self.old, self.new)

    def judged(self, *wanted: Judged) -> list[Delta]:
        """Return the numbers with one of the `wanted` judgements."""
        return [delta for delta in self.deltas if delta.judged in wanted]


def compare(old: Record, new: Record, history: History = no_history) -> Comparison:
    """Compare every number that describes the device, not the host."""
    facts = differences(old, new)
    names = dict.fromkeys((*old.numbers, *new.numbers))
    deltas = [_delta(name, old, new, facts, history) for name in names if metric_of(name).compared]
    return Comparison(old, new, deltas, facts)


def _delta(name: str, old: Record, new: Record, facts: Sequence[Fact], history: History) -> Delta:
    before, after = old.numbers.get(name), new.numbers.get(name)
    if before is None or after is None:
        which = "old" if before is None else "new"
        return Delta(name, before, after, "not comparable", f"not in the {which} run")
    why = _incomparable_reason(name, before, after, facts)
    if why:
        return Delta(name, before, after, "not comparable", why)
    if after.kind == "measured" and before.value != after.value:
        return _measured(name, old, new, history)
    return Delta(name, before, after, _judge(name, before.value, after.value))


def _incomparable_reason(name: str, old: Number, new: Number, facts: Sequence[Fact]) -> str:
    """Return why two numbers are not comparable; empty if they are."""
    if old.kind != new.kind:
        return f"one is {old.kind}, the other {new.kind}"
    if old.unit != new.unit:
        return f"one is in {old.unit}, the other in {new.unit}"
    if old.model != new.model:
        return f"estimated with {old.model} and with {new.model}"
    needs = metric_of(name).needs
    return "; ".join(f"different {fact.name}" for fact in facts if fact.name in needs)


def _judge(name: str, old: float, new: float) -> Judged:
    better = metric_of(name).better
    if old == new:
        return "same"
    if not better:
        return "changed"
    return "better" if (new < old) == (better == "lower") else "worse"


def _measured(name: str, old: Record, new: Record, history: History) -> Delta:
    """Judge a measured number by the levels of the two runs in their history.

    If the history lacks the `old` run, its value is its level. It counts as the new level if it is
    within the range of that level.
    """
    before, after = old.numbers[name], new.numbers[name]
    samples = dict(history(name)) | {new.id: after.value}
    if len(samples) < MIN_HISTORY:
        why = f"too little history: {len(samples)} of {MIN_HISTORY} runs"
        return Delta(name, before, after, "unclear", why)
    levels = dict(zip(samples, levels_of(list(samples.values())), strict=True))
    new_level = levels[new.id]
    old_level = levels.get(old.id) or Level(before.value, before.value, before.value)
    if old.id not in levels and new_level.minimum <= before.value <= new_level.maximum:
        old_level = new_level
    judged = _judge(name, old_level.median, new_level.median)
    if abs(relative(old_level.median, new_level.median)) < MIN_CHANGE:
        judged = "same"
    return Delta(
        name,
        structs.replace(before, value=old_level.median),
        structs.replace(after, value=new_level.median),
        judged,
        f"levels in {len(samples)} runs",
    )
