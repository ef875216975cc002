"""How a combination of target, model, engine, toolchain and flag stands: its newest run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from harness.report.number_history import TRENDS, Series, Step, steps
from harness.results.judge.compare import Comparison, Delta, History, Judged, Sample, compare
from harness.results.judge.gate import Gate
from harness.results.record import Record
from harness.results.store.store import Entry, Store

_NIGHT = timedelta(hours=20)  # what is older than the newest run by more did not run with it
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Against:
    """What a run is compared with, and how that came out.

    `allowed` are numbers that got worse within their budget, `unjudged` those that a baseline
    has and that cannot be compared with it. Without a comparison, a baseline is `missing`.
    """

    what: str = ""
    comparison: Comparison | None = field(default=None, repr=False)
    allowed: frozenset[str] = frozenset()
    unjudged: Sequence[Delta] = ()
    missing: bool = False


@dataclass(frozen=True)
class Standing:
    """The newest run of a combination, and its numbers until then by the names of `TRENDS`.

    Of its `runs` the first was at `first`, the newest `started`. It is `stale` if other
    combinations ran last night, and this one did not. `steps` are where a number changed, and
    `history` is that of measured numbers.
    """

    record: Record
    first: datetime
    started: datetime
    stale: bool
    runs: int
    series: Mapping[str, Series] = field(repr=False)
    steps: Mapping[str, Sequence[Step]] = field(repr=False)
    against: Against
    history: History = field(repr=False)

    @property
    def failed(self) -> bool:
        """Whether the model is not right."""
        return self.record.verdict != "passed"

    @property
    def comparison(self) -> Comparison | None:
        """The newest run, compared with another; None where there is no other."""
        return self.against.comparison

    @property
    def worse(self) -> bool:
        """Whether the model is right, and a number got worse or can no longer be judged."""
        return not self.failed and bool(self.judged("worse") or self.against.unjudged)

    @property
    def build(self) -> tuple[str, str]:
        """What it was built with: the engine; toolchain and flag."""
        image = self.record.image
        return self.record.engine, f"{image.toolchain} {image.optimize}"

    def varies(self, name: str) -> bool:
        """Tell whether a number of `series` was not the same in all runs."""
        return len({point.value for point in self.series[name]}) > 1

    def judged(self, judged: Judged) -> list[Delta]:
        """Return the numbers that are judged so, those of `TRENDS` alone if they are among them.

        The others follow from them, mostly: extremes, percentiles, and what is estimated.
        """
        found = self._judged(judged)
        main = [delta for delta in found if delta.name in TRENDS]
        return [delta for delta in main if delta.kind != "estimated"] or main or found

    def delta(self, name: str) -> Delta | None:
        """Return how a number got better or worse; None if it did not, or is an estimate."""
        found = self._judged("better", "worse")
        return next((d for d in found if d.name == name and d.kind != "estimated"), None)

    def _judged(self, *judged: Judged) -> list[Delta]:
        found = self.comparison.judged(*judged) if self.comparison else []
        return [delta for delta in found if delta.name not in self.against.allowed]


def standing_of(
    store: Store,
    history: Sequence[Entry],
    series: Mapping[str, Series],
    last: datetime,
    gate: Gate | None,
) -> Standing:
    """Return how the combination stands whose runs are `history`, oldest first.

    `series` are its numbers, and `last` is when the newest run of all combinations was.
    """
    newest = history[-1]
    record = store.record(newest.id)
    alike = {e.id for e in history if e.verdict == "passed" and e.vectors == newest.vectors}

    def samples(name: str) -> list[Sample]:
        points = series.get(name, ())
        return [(p.id, p.value) for p in points if p.id in alike and p.kind == "measured"]

    if record.verdict != "passed":
        against = Against()  # it has to be right first
    elif gate:
        against = _judged(gate, record, samples)
    else:
        old = _week_before(history)
        against = Against()
        if old:
            comparison = compare(store.record(old.id), record, samples)
            against = Against(f"the run of {old.started:%Y-%m-%d}", comparison)
    return Standing(
        record=record,
        first=history[0].started,
        started=newest.started,
        stale=newest.started < last - _NIGHT,
        runs=len(history),
        series=series,
        steps={name: steps(points) for name, points in series.items()},
        against=against,
        history=samples,
    )


def _judged(gate: Gate, record: Record, history: History) -> Against:
    """Return what the gate says of a run."""
    found = gate.judge(record, history)
    if found.baseline is None or found.comparison is None:
        return Against(missing=True)
    beyond = {delta.name for delta, _ in found.worse}
    worse = {delta.name for delta in found.comparison.judged("worse")}
    return Against(
        f"the baseline of {found.baseline.accepted} ({found.baseline.because})",
        found.comparison,
        frozenset(worse - beyond),
        found.unjudged,
    )


def _week_before(history: Sequence[Entry]) -> Entry | None:
    """Return the last run that passed a week before the newest, or the first that did."""
    passed = [entry for entry in history[:-1] if entry.verdict == "passed"]
    earlier = [entry for entry in passed if entry.started <= history[-1].started - _WEEK]
    return next(iter([*earlier[-1:], *passed]), None)
