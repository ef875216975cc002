"""What a report is about: the newest run of everything that is run, and how it came there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from harness.errors import InputError
from harness.results.record import Record
from harness.results.store import Entry, Point, Store

_NIGHT = timedelta(hours=36)  # what is older than the newest run by more did not run with it
_FORGOTTEN = timedelta(days=30)

TRENDS: Mapping[str, str] = {
    "instructions_median": "instructions",
    "cycles_median": "cycles",
    "cycles_estimated": "cycles",
    "latency_median": "latency",
    "accuracy": "accuracy",
    "auc": "AUC",
    "flash": "flash",
    "ram": "RAM",
    "arena": "arena",
    "stack": "stack",
    "energy_median": "energy",
    "energy_estimated": "energy",
}
"""The numbers whose history is shown, and their headings."""


class Combination(NamedTuple):
    """What a history is of."""

    model: str
    target: str
    engine: str
    toolchain: str
    optimize: str


@dataclass(frozen=True)
class Standing:
    """The newest run of a combination, and its numbers until then by the names of `TRENDS`.

    It is `stale` if other combinations ran last night, and this one did not.
    """

    combination: Combination
    record: Record
    started: datetime
    stale: bool
    runs: int
    series: Mapping[str, Sequence[Point]] = field(repr=False)


@dataclass(frozen=True)
class Summary:
    """All that a report says, from `runs` runs since `first` until `last`."""

    standings: Sequence[Standing]
    runs: int
    first: datetime
    last: datetime

    @property
    def headline(self) -> str:
        """The most that matters, in a few words."""
        counts = ((self.failed, "failed"), (self.stale, "did not run"))
        said = [f"{len(some)} {what}" for some, what in counts if some]
        if said:
            return f"{', '.join(said)}, of {len(self.standings)}"
        return f"All right: {len(self.standings)} of {len(self.standings)} passed"

    @property
    def worse(self) -> list[Standing]:
        return []

    @property
    def failed(self) -> list[Standing]:
        """Those whose newest run is not right."""
        return [s for s in self.standings if s.record.verdict != "passed"]

    @property
    def stale(self) -> list[Standing]:
        """Those that did not run lately."""
        return [s for s in self.standings if s.stale]


def summarize(store: Store, branch: str | None = None) -> Summary:
    """Return what `store` says, of one `branch` or of all; `InputError` if it has no run."""
    entries = store.find(newest_first=False, branch=branch)
    if not entries:
        raise InputError(
            f"there is no run of branch {branch!r}" if branch else "there is no run to report on",
            where="harness report",
            remedy="harness run, or pytest --target=NAME, makes one; --store=URL names a store",
        )
    last = entries[-1].started
    histories: dict[Combination, list[Entry]] = {}
    for entry in entries:
        histories.setdefault(_combination(entry), []).append(entry)
    series = _series(store, entries, branch)
    standings = [
        Standing(
            combination=combination,
            record=store.record(newest.id),
            started=newest.started,
            stale=newest.started < last - _NIGHT,
            runs=len(history),
            series=series.get(combination, {}),
        )
        for combination, history in sorted(histories.items())
        if (newest := history[-1]).started >= last - _FORGOTTEN
    ]
    return Summary(standings, len(entries), entries[0].started, last)


def _combination(entry: Entry) -> Combination:
    return Combination(entry.model, entry.target, entry.engine, entry.toolchain, entry.optimize)


def _series(
    store: Store, entries: Sequence[Entry], branch: str | None
) -> dict[Combination, dict[str, list[Point]]]:
    """Return the numbers of `TRENDS`: a query for each, not for each combination."""
    combination = {entry.id: _combination(entry) for entry in entries}
    series: dict[Combination, dict[str, list[Point]]] = {}
    for name in TRENDS:
        for point in store.series(name, branch=branch):
            if point.id in combination:  # it may have come since
                found = series.setdefault(combination[point.id], {})
                found.setdefault(name, []).append(point)
    return series
