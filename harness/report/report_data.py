"""What a report is about: the newest run of everything that is run, and how it came there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harness.engines.registry import DEFAULT_ENGINE
from harness.errors import InputError
from harness.report.combination_status import Standing, standing_of
from harness.report.number_history import TRENDS, Series
from harness.results.combination import Combination
from harness.results.judge.gate import Gate
from harness.results.judge.side_by_side import SideBySide, side_by_side
from harness.results.store.store import Entry, Store

_FORGOTTEN = timedelta(days=30)

MOST = 20
"""Findings of one sort that are listed; the rest is in the table."""
Column = tuple[str, Sequence[str]]
"""A heading, and the numbers that may stand below it, the best first."""
_COLUMNS: Sequence[Column] = (
    ("instructions", ("instructions_median", "instructions_estimated")),
    ("cycles", ("cycles_median", "cycles_estimated")),
    ("latency", ("latency_median", "latency_estimated")),
    ("flash", ("flash",)),
    ("RAM", ("ram",)),
    ("energy", ("energy_median", "energy_estimated")),
)


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
        """Those that are right, and of whose numbers some got worse."""
        return [s for s in self.standings if s.worse and not s.stale]

    @property
    def better(self) -> list[Standing]:
        """Those of whose numbers some got better and none worse."""
        return [s for s in self.standings if s.judged("better") and not s.worse]

    @property
    def stale(self) -> list[Standing]:
        """Those that did not run lately."""
        return [s for s in self.standings if s.stale]

    @property
    def new(self) -> list[Standing]:
        """Those that lack a baseline, where others have one."""
        return [s for s in self.standings if s.against.missing]

    @property
    def engines(self) -> list[SideBySide]:
        """The engines side by side, where several ran the same at one commit."""
        history = {standing.record.id: standing.history for standing in self.standings}
        found = side_by_side(
            (standing.record for standing in self.standings),
            (DEFAULT_ENGINE,),
            lambda record: history[record.id],
        )
        return [group for group in found if group.comparisons]

    @property
    def headline(self) -> str:
        """What matters most, in a few words."""
        counts = (
            (self.failed, "failed"),
            (self.worse, "got worse"),
            (self.stale, "did not run"),
            (self.new, "without a baseline"),
        )
        said = [f"{len(some)} {what}" for some, what in counts if some]
        count = len(self.standings)
        if said:
            return f"{', '.join(said)}; {count} in all"
        compared = any(s.comparison for s in self.standings)
        return f"All {count} passed{', none got worse' if compared else ''}"


def summarize(store: Store, branch: str | None = None, gate: Gate | None = None) -> Summary:
    """Return what `store` says, of one `branch` or of all.

    Runs are compared with the baselines of `gate`; without one, with those of a week before.
    Raises `InputError` if there is no run.
    """
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
        histories.setdefault(entry.combination, []).append(entry)
    series = _series(store, entries, branch)
    standings = [
        standing_of(store, history, series.get(key, {}), last, gate)
        for key, history in sorted(histories.items(), key=lambda item: (item[0][1], item[0]))
        if history[-1].started >= last - _FORGOTTEN
    ]
    return Summary(standings, len(entries), entries[0].started, last)


def _series(
    store: Store, entries: Sequence[Entry], branch: str | None
) -> dict[Combination, dict[str, Series]]:
    """Return the numbers of `TRENDS`: a query for each, not for each combination."""
    key = {entry.id: entry.combination for entry in entries}
    series: dict[Combination, dict[str, Series]] = {}
    for name in TRENDS:
        for point in store.series(name, branch=branch):
            if point.id in key:  # others came since
                series.setdefault(key[point.id], {}).setdefault(name, []).append(point)
    return series
