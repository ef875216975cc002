"""Two runs compared: what got better, what worse, and why, as far as the records tell.

Exact numbers are compared by ==, measured ones by the change points of their history, and
estimates only with estimates of the same model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import structs

from harness.measure.number import Kind, Number
from harness.results.judge.change_points import (
    LEAST_CHANGE,
    LEAST_HISTORY,
    Level,
    levels_of,
    relative,
)
from harness.results.judge.metrics import metric_of
from harness.results.judge.run_context import Fact, differences, provenance
from harness.results.record import Record

Judged = Literal["same", "better", "worse", "changed", "unclear", "not comparable"]
Sample = tuple[str, float]
"""A run's id, and its number."""
History = Callable[[str], Sequence[Sample]]
"""Returns the samples of the metric that is named, oldest first."""


def no_history(name: str) -> Sequence[Sample]:  # noqa: ARG001 - the name
    """Return no samples: all that is known are the two runs."""
    return ()


@dataclass(frozen=True)
class Delta:
    """One number of two runs, and the reason where `judged` needs one.

    Of a measured number that has a history, `old` and `new` are the levels of the two runs.
    """

    name: str
    old: Number | None
    new: Number | None
    judged: Judged
    why: str = ""

    @property
    def kind(self) -> Kind | None:
        """The kind of both, or of the one there is."""
        number = self.new or self.old
        return number.kind if number else None

    @property
    def difference(self) -> float:
        """New minus old, in their unit; 0 where one is missing."""
        return self.new.value - self.old.value if self.old and self.new else 0.0

    @property
    def relative(self) -> float:
        """The difference relative to the old number; 0 where one is missing."""
        return relative(self.old.value, self.new.value) if self.old and self.new else 0.0


@dataclass(frozen=True)
class Comparison:
    """Two runs, their numbers, and what else differs."""

    old: Record
    new: Record
    deltas: Sequence[Delta]
    facts: Sequence[Fact]

    @property
    def provenance(self) -> str:
        """Whether the image is the same, or since which commit it is not."""
        return provenance(self.old, self.new)

    def judged(self, *wanted: Judged) -> list[Delta]:
        """Return the numbers that are judged so."""
        return [delta for delta in self.deltas if delta.judged in wanted]


def compare(old: Record, new: Record, history: History = no_history) -> Comparison:
    """Compare every number that says something about the device."""
    facts = differences(old, new)
    names = dict.fromkeys((*old.numbers, *new.numbers))
    deltas = [_delta(name, old, new, facts, history) for name in names if metric_of(name).compared]
    return Comparison(old, new, deltas, facts)


def _delta(name: str, old: Record, new: Record, facts: Sequence[Fact], history: History) -> Delta:
    before, after = old.numbers.get(name), new.numbers.get(name)
    if before is None or after is None:
        which = "old" if before is None else "new"
        return Delta(name, before, after, "not comparable", f"the {which} run has none")
    why = _refusal(name, before, after, facts)
    if why:
        return Delta(name, before, after, "not comparable", why)
    if after.kind == "measured" and before.value != after.value:
        return _measured(name, old, new, history)
    return Delta(name, before, after, _judge(name, before.value, after.value))


def _refusal(name: str, old: Number, new: Number, facts: Sequence[Fact]) -> str:
    """Return why two numbers mean different things; empty if they do not."""
    if old.kind != new.kind:
        return f"one is {old.kind}, the other {new.kind}"
    if old.unit != new.unit:
        return f"one is in {old.unit}, the other in {new.unit}"
    if old.model != new.model:
        return f"estimated by {old.model} and by {new.model}"
    needs = metric_of(name).needs
    return "; ".join(f"other {fact.name}" for fact in facts if fact.name in needs)


def _judge(name: str, old: float, new: float) -> Judged:
    better = metric_of(name).better
    if old == new:
        return "same"
    if not better:
        return "changed"
    return "better" if (new < old) == (better == "lower") else "worse"


def _measured(name: str, old: Record, new: Record, history: History) -> Delta:
    """Judge by the levels of a history that the two runs are of.

    An `old` run that the history lacks stands for itself: it is of another level if no run of
    the new one was like it.
    """
    before, after = old.numbers[name], new.numbers[name]
    samples = dict(history(name)) | {new.id: after.value}
    if len(samples) < LEAST_HISTORY:
        why = f"too little history to tell: {len(samples)} of {LEAST_HISTORY} runs"
        return Delta(name, before, after, "unclear", why)
    levels = dict(zip(samples, levels_of(list(samples.values())), strict=True))
    now = levels[new.id]
    then = levels.get(old.id) or Level(before.value, before.value, before.value)
    if old.id not in levels and now.least <= before.value <= now.most:
        then = now
    judged = _judge(name, then.median, now.median)
    if abs(relative(then.median, now.median)) < LEAST_CHANGE:
        judged = "same"
    return Delta(
        name,
        structs.replace(before, value=then.median),
        structs.replace(after, value=now.median),
        judged,
        f"levels of {len(samples)} runs",
    )
