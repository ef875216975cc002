"""What a report is about: the newest run of everything that is run, and how it came there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from harness.errors import InputError
from harness.report.trends import TRENDS, Series, Step, steps
from harness.results.baseline import read_baselines
from harness.results.compare import Comparison, Delta, Judged, Sample, compare
from harness.results.pairs import Key, key_of
from harness.results.record import Record
from harness.results.store import Entry, Store

_NIGHT = timedelta(hours=36)  # what is older than the newest run by more did not run with it
_WEEK = timedelta(days=7)
_FORGOTTEN = timedelta(days=30)

MOST = 20
"""Findings of one sort that are listed; the rest is in the table."""
Column = tuple[str, Sequence[str]]
"""A heading, and the numbers that may stand below it, the best first."""
_COLUMNS: Sequence[Column] = (
    ("instructions", ("instructions_median",)),
    ("cycles", ("cycles_median", "cycles_estimated")),
    ("latency", ("latency_median", "latency_estimated")),
    ("flash", ("flash",)),
    ("RAM", ("ram",)),
    ("energy", ("energy_median", "energy_estimated")),
)


@dataclass(frozen=True)
class Against:
    """The run that the newest one is compared with, and what it is: a baseline, or older."""

    record: Record
    what: str


@dataclass(frozen=True)
class Standing:
    """The newest run of a combination, and its numbers until then by the names of `TRENDS`.

    Of its `runs` the first was at `first`, the newest `started`. It is `stale` if other
    combinations ran last night, and this one did not. `steps` are where a number changed. There
    is no comparison where there is no other run.
    """

    record: Record
    first: datetime
    started: datetime
    stale: bool
    runs: int
    series: Mapping[str, Series] = field(repr=False)
    steps: Mapping[str, Sequence[Step]] = field(repr=False)
    against: str = ""
    comparison: Comparison | None = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        """Whether the model is not right."""
        return self.record.verdict != "passed"

    @property
    def build(self) -> tuple[str, str]:
        """What it was built with: the engine; toolchain and flag."""
        image = self.record.image
        return image.engine, f"{image.toolchain} {image.optimize}"

    def varies(self, name: str) -> bool:
        """Tell whether a number of `series` was not the same in all runs."""
        return len({point.value for point in self.series[name]}) > 1

    def judged(self, judged: Judged) -> list[Delta]:
        """Return the numbers that are judged so, those of `TRENDS` alone if they are among them.

        The others follow from them, mostly: extremes, percentiles, and what is estimated.
        """
        found = self.comparison.judged(judged) if self.comparison else []
        main = [delta for delta in found if delta.name in TRENDS]
        return [delta for delta in main if delta.kind != "estimated"] or main or found

    def delta(self, name: str) -> Delta | None:
        """Return how a number got better or worse; None if it did not, or is an estimate."""
        found = self.comparison.judged("better", "worse") if self.comparison else []
        return next((d for d in found if d.name == name and d.kind != "estimated"), None)


@dataclass(frozen=True)
class Summary:
    """All that a report says, from `runs` runs since `first` until `last`."""

    standings: Sequence[Standing]
    runs: int
    first: datetime
    last: datetime

    @property
    def columns(self) -> list[Column]:
        """The columns of a table that some run has a number for."""
        there = {name for s in self.standings for name in s.record.numbers}
        return [column for column in _COLUMNS if there.intersection(column[1])]

    @property
    def failed(self) -> list[Standing]:
        """Those whose newest run is not right."""
        return [s for s in self.standings if s.failed]

    @property
    def worse(self) -> list[Standing]:
        """Those that are right, and some of whose numbers got worse."""
        return [s for s in self.standings if not s.failed and s.judged("worse")]

    @property
    def better(self) -> list[Standing]:
        """Those of whose numbers some got better and none worse."""
        return [s for s in self.standings if s.judged("better") and not s.judged("worse")]

    @property
    def stale(self) -> list[Standing]:
        """Those that did not run lately."""
        return [s for s in self.standings if s.stale]

    @property
    def headline(self) -> str:
        """What matters most, in a few words."""
        counts = ((self.failed, "failed"), (self.worse, "got worse"), (self.stale, "did not run"))
        said = [f"{len(some)} {what}" for some, what in counts if some]
        count = len(self.standings)
        if said:
            return f"{', '.join(said)}; {count} in all"
        compared = any(s.comparison for s in self.standings)
        return f"All {count} passed{', none got worse' if compared else ''}"


def summarize(store: Store, branch: str | None = None, baselines: Path | None = None) -> Summary:
    """Return what `store` says, of one `branch` or of all.

    Runs are compared with those in the folder of `baselines`; where there is none, with those
    of a week before. Raises `InputError` if there is no run, or a file is no baseline.
    """
    entries = store.find(newest_first=False, branch=branch)
    if not entries:
        raise InputError(
            f"there is no run of branch {branch!r}" if branch else "there is no run to report on",
            where="harness report",
            remedy="harness run, or pytest --target=NAME, makes one; --store=URL names a store",
        )
    last = entries[-1].started
    histories: dict[Key, list[Entry]] = {}
    for entry in entries:
        histories.setdefault(_key(entry), []).append(entry)
    series = _series(store, entries, branch)
    accepted = _accepted(baselines) if baselines else {}
    standings = []
    for key, history in sorted(histories.items(), key=lambda item: (item[0][1], item[0])):
        if history[-1].started < last - _FORGOTTEN:
            continue
        against = accepted.get(key) or _week_before(store, history)
        standings.append(_standing(store, history, last, series.get(key, {}), against))
    return Summary(standings, len(entries), entries[0].started, last)


def _key(entry: Entry) -> Key:
    return (entry.target, entry.model, entry.engine, entry.toolchain, entry.optimize)


def _series(
    store: Store, entries: Sequence[Entry], branch: str | None
) -> dict[Key, dict[str, Series]]:
    """Return the numbers of `TRENDS`: a query for each, not for each combination."""
    key = {entry.id: _key(entry) for entry in entries}
    series: dict[Key, dict[str, Series]] = {}
    for name in TRENDS:
        for point in store.series(name, branch=branch):
            if point.id in key:  # others came since
                series.setdefault(key[point.id], {}).setdefault(name, []).append(point)
    return series


def _accepted(baselines: Path) -> dict[Key, Against]:
    return {
        key_of(each.record): Against(
            each.record, f"the baseline of {each.accepted} ({each.because})"
        )
        for each in read_baselines(baselines)
    }


def _week_before(store: Store, history: Sequence[Entry]) -> Against | None:
    """Return the last run that passed a week before the newest, or the first that did."""
    passed = [entry for entry in history[:-1] if entry.verdict == "passed"]
    if not passed:
        return None
    earlier = [entry for entry in passed if entry.started <= history[-1].started - _WEEK]
    found = (earlier or passed[:1])[-1]
    return Against(store.record(found.id), f"the run of {found.started:%Y-%m-%d}")


def _standing(
    store: Store,
    history: Sequence[Entry],
    last: datetime,
    series: Mapping[str, Series],
    against: Against | None,
) -> Standing:
    newest = history[-1]
    record = store.record(newest.id)
    alike = {e.id for e in history if e.verdict == "passed" and e.vectors == newest.vectors}

    def samples(name: str) -> list[Sample]:
        points = series.get(name, ())
        return [(p.id, p.value) for p in points if p.id in alike and p.kind == "measured"]

    return Standing(
        record=record,
        first=history[0].started,
        started=newest.started,
        stale=newest.started < last - _NIGHT,
        runs=len(history),
        series=series,
        steps={name: steps(points) for name, points in series.items()},
        against=against.what if against else "",
        comparison=compare(against.record, record, samples) if against else None,
    )
