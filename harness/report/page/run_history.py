"""The runs of a combination that have a row of their own in the report."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.combination_status import CombinationStatus
from harness.report.number_history import TRENDS, NumberChange
from harness.results.store.store import Entry, Point

_NEWEST = 10  # runs
_FAILED = 20  # the newest of those that failed
_COLUMNS = 6  # numbers


@dataclass(frozen=True)
class HistoryRow:
    """A run, its place among all runs of its combination, its numbers and what changed in it.

    `points` has None in place of a number that the run lacks.
    """

    place: int
    entry: Entry
    points: Sequence[Point | None]
    changes: Sequence[tuple[str, NumberChange]]


def history_columns(status: CombinationStatus) -> list[str]:
    """Return the names of the numbers in the rows: those that vary, or else the first one.

    The section of trends has the numbers that are the same in all runs.
    """
    names = sorted(status.series, key=_place)
    return [name for name in names if status.varies(name)][:_COLUMNS] or names[:1]


def history_rows(status: CombinationStatus) -> list[HistoryRow]:
    """Return the newest runs, the first, those before and after a change, and failed ones."""
    entries = status.entries
    places = {entry.id: place for place, entry in enumerate(entries)}
    changed: dict[str, list[tuple[str, NumberChange]]] = {}
    shown = {0, places[status.record.id], *range(max(0, len(entries) - _NEWEST), len(entries))}
    for name, changes in status.changes.items():
        for change in changes:
            if change.after.kind != "estimated":
                changed.setdefault(change.after.id, []).append((name, change))
                shown |= {places[change.before.id], places[change.after.id]}
    shown |= set([p for p, entry in enumerate(entries) if entry.verdict != "passed"][-_FAILED:])
    columns = history_columns(status)
    points = {name: {point.id: point for point in status.series[name]} for name in columns}
    return [
        HistoryRow(
            place,
            entries[place],
            [points[name].get(entries[place].id) for name in columns],
            changed.get(entries[place].id, ()),
        )
        for place in sorted(shown, reverse=True)
    ]


def _place(name: str) -> int:
    return list(TRENDS).index(name)
