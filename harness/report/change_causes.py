"""Why numbers changed between two runs of a history."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from harness.report.comparison_text import explain
from harness.report.number_history import NumberChange
from harness.results.judge.compare import Comparison
from harness.results.judge.run_context import differences
from harness.results.store.store import Store

Pair = tuple[str, str]
"""The ids of the runs before and after a change."""
Causes = Mapping[Pair, Sequence[str]]


def runs_of(change: NumberChange) -> Pair:
    """Return the runs before and after `change`."""
    return change.before.id, change.after.id


def find_causes(store: Store, changes: Iterable[NumberChange]) -> Causes:
    """Return what differs between the runs of each change; several changes may share them.

    Estimates follow from other numbers, and so do the causes of their changes.
    """
    record = cache(store.record)
    pairs = dict.fromkeys(runs_of(each) for each in changes if each.after.kind != "estimated")
    causes = {}
    for before, after in pairs:
        old, new = record(before), record(after)
        causes[before, after] = list(explain(Comparison(old, new, [], differences(old, new))))
    return causes
