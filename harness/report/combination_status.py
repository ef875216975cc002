"""The status of a combination: its newest run, and how its numbers changed.

A combination is a target, model, engine, toolchain and flag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain

from harness.report.change_causes import Causes, find_causes, runs_of
from harness.report.number_history import NumberChange, Series, largest_changes, small_of
from harness.results.judge.board_spread import Spread, spreads
from harness.results.judge.compare import Comparison, Delta, History, Judged, Sample, compare
from harness.results.judge.gate import Gate
from harness.results.judge.metrics import metric_of
from harness.results.judge.newest_run import NIGHT, newest_run
from harness.results.judge.quantity_changes import (
    SMALL,
    QuantityChange,
    is_small,
    quantity_changes,
)
from harness.results.record import Record
from harness.results.store.store import Entry, Store

_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Reference:
    """The run or baseline that a run is compared with, and the comparison.

    `within_budget` names the numbers that got worse, but no more than their budget allows.
    `not_comparable` are the numbers that the baseline has and that cannot be compared with it.
    If `baseline_missing`, there is nothing to compare with. A reference `of_gate` is a baseline.
    """

    description: str = ""
    comparison: Comparison | None = field(default=None, repr=False)
    within_budget: frozenset[str] = frozenset()
    not_comparable: Sequence[Delta] = ()
    baseline_missing: bool = False
    of_gate: bool = False


@dataclass(frozen=True)
class CombinationStatus:
    """The newest run of a combination, and the history of its numbers.

    If a run of the same session failed, it stands for the newest one.

    `entries` are its runs, oldest first. The combination is `stale` if other combinations ran last
    night and it did not. `series` and `changes` have the names of `TRENDS` as keys: the values of a
    number, and where it changed. `spreads` are those between boards. `history` returns the samples
    of a measured number. Changes below the share `small` are small. `earlier` is the run that
    drawings compare the newest one with: that of the `reference`, or the last one that passed.
    """

    record: Record
    entries: Sequence[Entry] = field(repr=False)
    stale: bool
    series: Mapping[str, Series] = field(repr=False)
    changes: Mapping[str, Sequence[NumberChange]] = field(repr=False)
    spreads: Sequence[Spread]
    reference: Reference
    history: History = field(repr=False)
    small: float = SMALL
    earlier: Record | None = field(default=None, repr=False)
    _causes: Causes = field(default_factory=dict, repr=False)

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.entries)

    @property
    def first(self) -> datetime:
        """When the first run started."""
        return self.entries[0].started

    @property
    def started(self) -> datetime:
        """When the newest run started."""
        return self.entries[-1].started

    @property
    def failed(self) -> bool:
        """Whether the newest run failed."""
        return self.record.verdict != "passed"

    @property
    def comparison(self) -> Comparison | None:
        """The newest run compared with its reference; None if there is no reference."""
        return self.reference.comparison

    @property
    def compared(self) -> bool:
        """Whether a number that can get worse was compared."""
        deltas = self.comparison.judged("same", "better", "worse") if self.comparison else []
        return any(metric_of(delta.name).better for delta in deltas)

    @property
    def worse(self) -> bool:
        """Whether the run passed, but a number got worse or can no longer be compared."""
        return not self.failed and bool(self.judged("worse") or self.reference.not_comparable)

    @property
    def change(self) -> str:
        """How the numbers changed: `worse`, `better`, `small`, or empty."""
        if self.worse:
            return "worse"
        if self.judged("better"):
            return "better"
        return "small" if self.small_changes else ""

    @property
    def build(self) -> tuple[str, str]:
        """The engine, and the toolchain with its flag."""
        image = self.record.image
        return self.record.engine, f"{image.toolchain} {image.optimize}"

    def causes(self, change: NumberChange) -> Sequence[str]:
        """Return what differs between the runs before and after `change`."""
        return self._causes.get(runs_of(change), ())

    def varies(self, name: str) -> bool:
        """Tell whether a number of `series` differs between runs."""
        return len({point.value for point in self.series[name]}) > 1

    def judged(self, judged: Judged) -> list[QuantityChange]:
        """Return the changes with this judgement that are not small."""
        return [each for each in self._differences if each.judged == judged and not each.small]

    @property
    def small_changes(self) -> list[QuantityChange]:
        """The small changes."""
        return [change for change in self._differences if change.small]

    @property
    def beyond_budget(self) -> bool:
        """Whether the gate does not let a small change pass."""
        return self.reference.of_gate and any(c.judged == "worse" for c in self.small_changes)

    def delta(self, name: str) -> Delta | None:
        """Return how a number got better or worse; None if it did not, or is an estimate."""
        deltas = (delta for change in self._differences for delta in change.deltas)
        return next((d for d in deltas if d.name == name and d.kind != "estimated"), None)

    def is_small(self, delta: Delta) -> bool:
        """Tell whether a change is small."""
        return is_small(delta, self.small)

    @cached_property
    def _differences(self) -> Sequence[QuantityChange]:
        """What got better or worse by more than its budget; estimates only if nothing else did.

        Estimates follow from other numbers.
        """
        deltas = self.comparison.judged("better", "worse") if self.comparison else []
        found = [delta for delta in deltas if delta.name not in self.reference.within_budget]
        counted = [delta for delta in found if delta.kind != "estimated"]
        return quantity_changes(counted or found, self.small)


def status_of(
    store: Store,
    history: Sequence[Entry],
    series: Mapping[str, Series],
    last: datetime,
    gate: Gate | None,
    small: float,
) -> CombinationStatus:
    """Return the status of the combination whose runs are `history`, oldest first.

    `series` are its numbers. `last` is the time of the newest run of all combinations. Changes
    below the share `small` are small.
    """
    newest = history[-1]
    record = newest_run(store, history)
    devices = {entry.id: entry.device for entry in history}
    alike = {e.id for e in history if e.verdict == "passed" and e.vectors == newest.vectors}

    def samples(name: str) -> list[Sample]:
        points = series.get(name, ())
        return [(p.id, p.value) for p in points if p.id in alike and p.kind == "measured"]

    if record.verdict != "passed":
        reference = Reference()  # numbers of a failed run are not judged
    elif gate:
        reference = _baseline_reference(gate, record, samples)
    else:
        reference = Reference()
        if earlier := _week_before(store, history, record.session):
            started, other = earlier
            comparison = compare(other, record, samples)
            reference = Reference(f"the run of {started:%Y-%m-%d}", comparison)
    changes = {
        name: largest_changes(points, devices, small_of(name, small))
        for name, points in series.items()
    }
    compared = reference.comparison
    return CombinationStatus(
        record=record,
        entries=history,
        stale=newest.started < last - NIGHT,
        series=series,
        changes=changes,
        spreads=spreads(history, series),
        reference=reference,
        history=samples,
        small=small,
        earlier=compared.old if compared else _last_passed(store, history, record),
        _causes=find_causes(store, chain.from_iterable(changes.values())),
    )


def _baseline_reference(gate: Gate, record: Record, history: History) -> Reference:
    """Return the baseline of a run, with the gate's judgement."""
    judgement = gate.judge(record, history)
    if judgement.baseline is None or judgement.comparison is None:
        return Reference(baseline_missing=True)
    beyond_budget = {delta.name for delta, _ in judgement.worse}
    worse = {delta.name for delta in judgement.comparison.judged("worse")}
    return Reference(
        f"the baseline of {judgement.baseline.accepted} ({judgement.baseline.because})",
        judgement.comparison,
        frozenset(worse - beyond_budget),
        judgement.not_comparable,
        of_gate=True,
    )


def _last_passed(store: Store, history: Sequence[Entry], record: Record) -> Record | None:
    """Return the last run before `record` that passed."""
    ids = [entry.id for entry in history]
    before = history[: ids.index(record.id)]
    passed = [entry.id for entry in before if entry.verdict == "passed"]
    return store.record(passed[-1]) if passed else None


def _week_before(
    store: Store, history: Sequence[Entry], session: str
) -> tuple[datetime, Record] | None:
    """Return the last passed run at least a week before the newest, or the first passed run.

    A run of the same session does not show what changed.
    """
    passed = [entry for entry in history[:-1] if entry.verdict == "passed"]
    earlier = [entry for entry in passed if entry.started <= history[-1].started - _WEEK]
    for entry in [*earlier[-1:], *passed]:
        record = store.record(entry.id)
        if not session or record.session != session:
            return entry.started, record
    return None
