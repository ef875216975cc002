"""The data of a report: the status of every combination."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from harness.engines.default_engine import DEFAULT_ENGINE
from harness.errors import InputError
from harness.report.combination_status import CombinationStatus, status_of
from harness.report.number_history import TRENDS, Series
from harness.results.combination import Combination
from harness.results.farm.failed_runs import FailedRun
from harness.results.farm.farm_status import FarmStatus
from harness.results.judge.board_spread import Spread
from harness.results.judge.gate import Gate
from harness.results.judge.quantity_changes import SMALL
from harness.results.judge.side_by_side import SideBySide, side_by_side
from harness.results.outcome import outcome_of
from harness.results.record import Record
from harness.results.store.open_results import MAKE_RUNS
from harness.results.store.store import Entry, Store

_FORGOTTEN = timedelta(days=30)

MOST = 20
"""Number of findings that a report lists of one sort; the rest is only in the table."""
Column = tuple[str, Sequence[str]]
"""A heading, and the numbers that the column may show; the first available one is shown."""
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
    """The content of a report on `runs` runs from `first` to `last`; failed ones come first.

    `farm` has the places and the health of boards, if anything is known of them. `commit_url` is
    the address of a commit's page, with {hash}; empty if it is not known.
    """

    statuses: Sequence[CombinationStatus]
    runs: int
    first: datetime
    last: datetime
    farm: FarmStatus | None = None
    commit_url: str = ""
    small: float = SMALL

    @property
    def columns(self) -> list[Column]:
        """The columns that have a number in at least one run."""
        available = {name for s in self.statuses for name in s.record.numbers}
        return [column for column in _COLUMNS if available.intersection(column[1])]

    @property
    def newest(self) -> Record:
        """The newest run."""
        return max(self.statuses, key=lambda status: status.started).record

    @property
    def failed(self) -> list[CombinationStatus]:
        """The combinations whose newest run failed."""
        return [s for s in self.statuses if s.failed]

    @property
    def not_finished(self) -> list[FailedRun]:
        """The runs that ended with an infrastructure error, and did not run again since."""
        return self.farm.not_repeated if self.farm else []

    @property
    def worse(self) -> list[CombinationStatus]:
        """The combinations that passed with a number that got worse."""
        return [s for s in self.statuses if s.worse and not s.stale]

    @property
    def better(self) -> list[CombinationStatus]:
        """The combinations of last night with numbers that got better, and none that got worse."""
        return [s for s in self.statuses if s.judged("better") and not (s.worse or s.stale)]

    @property
    def small_changes(self) -> list[CombinationStatus]:
        """The combinations with small changes that are not among those that got worse or better."""
        return [s for s in self.statuses if s.change == "small" and not (s.failed or s.stale)]

    @property
    def stale(self) -> list[CombinationStatus]:
        """The combinations that nobody tried to run last night, except those in `failed`."""
        not_finished = {failed.combination.base for failed in self.not_finished}
        return [
            status
            for status in self.statuses
            if status.stale
            and not status.failed
            and status.record.combination.base not in not_finished
        ]

    @property
    def new(self) -> list[CombinationStatus]:
        """The combinations without a baseline; empty if no baselines are used."""
        return [s for s in self.statuses if s.reference.baseline_missing]

    @property
    def spreads(self) -> list[Spread]:
        """The spread between boards of one kind, where more than one board ran."""
        return [spread for status in self.statuses for spread in status.spreads]

    @property
    def engines(self) -> list[SideBySide]:
        """The engines side by side, if several ran the same model at the same commit."""
        history = {status.record.id: status.history for status in self.statuses}
        groups = side_by_side(
            (status.record for status in self.statuses),
            (DEFAULT_ENGINE,),
            lambda record: history[record.id],
        )
        return [group for group in groups if group.comparisons]

    @property
    def has_findings(self) -> bool:
        """Whether the report begins with findings."""
        found = (self.failed, self.not_finished, self.worse, self.stale, self.new, self.better)
        return any(found) or bool(self.small_changes)

    @property
    def compared_with(self) -> str:
        """What the runs are compared with, if it is the same for all."""
        descriptions = {s.reference.description for s in self.statuses if s.comparison}
        return descriptions.pop() if len(descriptions) == 1 else ""

    @property
    def grade(self) -> Literal["bad", "doubt", "good"]:
        """How the night was: with what got worse, with what a person should look at, or good."""
        if self.failed or self.not_finished or self.worse:
            return "bad"
        doubt = self.stale or self.new or self._beyond_budget
        return "doubt" if doubt else "good"

    @property
    def _beyond_budget(self) -> int:
        """How many combinations of last night have a small change that their gate refuses."""
        return sum(s.beyond_budget and not s.stale for s in self.statuses)

    @property
    def headline(self) -> str:
        """The most important result, in a few words."""
        count = len(self.statuses)
        counts = (
            (len(self.failed), "failed"),
            (len(self.not_finished), "did not finish"),
            (len(self.worse), "got worse"),
            (0 if self.worse else self._beyond_budget, "slightly worse than the budget allows"),
            (len(self.stale), "did not run"),
            (len(self.new), "without a baseline"),
        )
        problems = [f"{some} {what}" for some, what in counts if some]
        if problems:
            return f"{', '.join(problems)}; {count} in all"
        return f"{self._passed}; {self._compared}"

    @property
    def _passed(self) -> str:
        """How many passed if none failed. Runs on too few vectors for a verdict only ran."""
        count = len(self.statuses)
        if ran := sum(outcome_of(status.record) == "ran" for status in self.statuses):
            return f"{count - ran} passed, {ran} only ran"
        return f"All {count} passed" if count > 1 else "Passed"

    @property
    def _compared(self) -> str:
        """What the comparison found if nothing got worse."""
        count = len(self.statuses)
        compared = sum(s.compared for s in self.statuses)
        if not compared:
            return "nothing to compare with yet"
        if compared == count:
            return "nothing got worse"
        return f"nothing got worse in the {compared} that could be compared"


def summarize(
    store: Store, branch: str | None = None, gate: Gate | None = None, small: float = SMALL
) -> Summary:
    """Return the data of a report on the runs in `store`, of one `branch` or of all.

    Runs are compared with the baselines of `gate`; without a gate, with the runs a week before.
    A run of some of the vectors is in it only if it is as new as the others: nobody expects it
    every night. For the same reason, the others are not missed after it. Changes below the share
    `small` are small. Raises `InputError` if there is no run.
    """
    entries = store.find(newest_first=False, branch=branch)
    if not entries:
        raise InputError(
            f"there is no run of branch {branch!r}" if branch else "there is no run to report on",
            remedy=MAKE_RUNS,
        )
    full = [entry for entry in entries if not entry.combination.is_partial]
    last = (full or entries)[-1].started
    histories: dict[Combination, list[Entry]] = {}
    for entry in entries:
        histories.setdefault(entry.combination, []).append(entry)
    series = _series(store, entries, branch)
    statuses = [
        status_of(store, history, series.get(key, {}), last, gate, small)
        for key, history in sorted(histories.items(), key=lambda item: (item[0][1], item[0]))
        if history[-1].started >= last - _FORGOTTEN
    ]
    statuses = [each for each in statuses if not (each.stale and each.record.subset)]
    statuses.sort(key=lambda status: not status.failed)
    first, newest = entries[0].started, entries[-1].started
    return Summary(statuses, len(entries), first, newest, small=small)


def _series(
    store: Store, entries: Sequence[Entry], branch: str | None
) -> dict[Combination, dict[str, Series]]:
    """Return the numbers of `TRENDS` by combination, with one query for each number."""
    key = {entry.id: entry.combination for entry in entries}
    series: dict[Combination, dict[str, Series]] = {}
    for name in TRENDS:
        for point in store.series(name, branch=branch):
            if point.id in key:  # added since
                series.setdefault(key[point.id], {}).setdefault(name, []).append(point)
    return series
