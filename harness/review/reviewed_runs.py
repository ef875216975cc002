"""The runs of a change, each beside the run of the nearest commit before it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from harness.results.combination import Combination
from harness.results.judge.change_points import MIN_CHANGE
from harness.results.judge.compare import Comparison, Delta, History, compare
from harness.results.judge.matching import pair
from harness.results.judge.newest_run import newest_run
from harness.results.judge.quantity_changes import SMALL, QuantityChange, quantity_changes
from harness.results.record import Record
from harness.review.commits import Change

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry, Store

State = Literal["failed", "worse", "unclear", "changed", "better", "fixed", "new", "same"]

STATES: Sequence[State] = get_args(State)
"""What a reviewer needs to know of a run, the most important first."""

HistoryOf = Callable[[Record], History]
"""Returns the history of a run's measured numbers."""


@dataclass(frozen=True)
class ReviewedRun:
    """A run of the change; `before` is the run that it is compared with.

    Without one, and if one of them failed, there is no comparison, and there are no `changes`.
    Numbers that are neither better nor worse are among them only if no other number changed.
    """

    record: Record
    before: Record | None = None
    comparison: Comparison | None = None
    changes: Sequence[QuantityChange] = ()

    @property
    def state(self) -> State:
        """The most important that is to say of the run."""
        if self.record.verdict != "passed":
            return "failed"
        if self.before is None:
            return "new"
        if self.comparison is None:
            return "fixed"
        found = {change.judged for change in self.changes if not change.small}
        return next((state for state in STATES if state in found), "same")


@dataclass(frozen=True)
class ReviewedRuns:
    """The newest run of each combination, the most important first.

    `missing` are runs of the nearest commit with a run, on the same targets, whose models the
    change did not run.
    """

    runs: Sequence[ReviewedRun]
    missing: Sequence[Record]


def reviewed_runs(
    store: "Store", change: Change, history_of: HistoryOf, small: float = SMALL
) -> ReviewedRuns:
    """Return the runs of the commit `change.head`, beside the nearest runs before it.

    Changes below the share `small` are small.
    """
    entries = store.find(newest_first=False)
    head = _newest(store, [entry for entry in entries if entry.commit == change.head])
    ids = {record.id for record in head}
    before = _nearest(store, change, [entry for entry in entries if entry.id not in ids])
    keys = {_key(record) for record in head}
    # Two single runs are a pair in any case, so only runs of the same models are given.
    pairs = pair([record for record in before if _key(record) in keys], head)
    runs = [_reviewed(old, new, history_of, small) for old, new in pairs.both]
    runs += map(ReviewedRun, pairs.only_new)
    runs.sort(key=lambda run: (STATES.index(run.state), run.record.combination))
    return ReviewedRuns(runs, _missing(before, head, change))


def _reviewed(old: Record, new: Record, history_of: HistoryOf, small: float) -> ReviewedRun:
    if "failed" in {old.verdict, new.verdict}:
        return ReviewedRun(new, old)
    comparison = compare(old, new, history_of(new))
    changes = quantity_changes(filter(_matters, comparison.deltas), small)
    if any(change.judged in {"worse", "better"} for change in changes):
        changes = [change for change in changes if change.judged != "changed"]
    return ReviewedRun(new, old, comparison, changes)


def _matters(delta: Delta) -> bool:
    """Tell whether a reviewer needs to see a number: no estimate, and not within noise."""
    is_noise = delta.judged == "unclear" and abs(delta.relative) < MIN_CHANGE
    return delta.kind != "estimated" and not is_noise


def _missing(before: Sequence[Record], head: Sequence[Record], change: Change) -> list[Record]:
    """Return the runs `before` at the nearest commit whose models `head` did not run."""
    commits = [record.commit.hash for record in before if record.commit]
    nearest = min(commits, key=change.before.index, default="")
    targets = {record.target.name for record in head}
    ran = {_key(record) for record in head}
    return [
        record
        for record in before
        if record.commit and record.commit.hash == nearest and not record.subset
        if (record.target.name in targets or not head) and _key(record) not in ran
    ]


def _key(record: Record) -> tuple[str, ...]:
    """Return what two runs must have in common for a comparison."""
    return record.target.name, record.model.name, str(record.subset)


def _nearest(store: "Store", change: Change, entries: "Iterable[Entry]") -> list[Record]:
    """Return the run of each combination at the commit that is nearest to the merge base."""
    distance = {commit: number for number, commit in enumerate(change.before)}
    clean = [entry for entry in entries if entry.commit in distance and not entry.dirty]
    nearest: dict[Combination, int] = {}
    for entry in clean:
        here = distance[entry.commit]
        nearest[entry.combination] = min(here, nearest.get(entry.combination, here))
    return _newest(store, [e for e in clean if distance[e.commit] == nearest[e.combination]])


def _newest(store: "Store", entries: "Iterable[Entry]") -> list[Record]:
    """Return the newest run of each combination; `entries` are sorted, oldest first."""
    histories: dict[Combination, list[Entry]] = {}
    for entry in entries:
        histories.setdefault(entry.combination, []).append(entry)
    return [newest_run(store, history) for history in histories.values()]
