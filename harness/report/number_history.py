"""The history of a number: which are shown, and where they changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report.plain_text import percent, quantity
from harness.results.judge.change_points import exact_changes, sampled_changes
from harness.results.store.store import Point

TRENDS: Mapping[str, str] = {
    "instructions_median": "instructions",
    "cycles_median": "cycles",
    "cycles_estimated": "cycles",
    "instructions_estimated": "instructions",
    "latency_median": "latency",
    "latency_estimated": "latency",
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

Series = list[Point]
"""A number of the runs of one combination, oldest first."""

_MOST = 12  # changes that are shown, the largest


@dataclass(frozen=True)
class Step:
    """A number changed between the runs `before` and `after`, from level `old` to `new`."""

    before: Point
    after: Point
    old: float
    new: float
    relative: float

    @property
    def where(self) -> str:
        """When it changed, and at or between which commits."""
        commits = dict.fromkeys(point.commit[:10] for point in (self.before, self.after))
        between = f", commit {' → '.join(commits)}" if all(commits) else ""
        return f"{self.after.started:%Y-%m-%d}{between}"

    def __str__(self) -> str:
        unit = self.after.unit
        values = f"{quantity(self.old, unit)} → {quantity(self.new, unit)}"
        return f"{values} ({percent(self.relative)}), {self.where}"


def steps(points: Series) -> Sequence[Step]:
    """Return the largest changes of a number, oldest first.

    Exact numbers and estimates change where they are not the same, measured ones beyond noise.
    """
    values = [point.value for point in points]
    measured = any(point.kind == "measured" for point in points)
    found = sampled_changes(values) if measured else exact_changes(values)
    largest = sorted(found, key=lambda change: -abs(change.relative))[:_MOST]
    return [
        Step(points[c.index - 1], points[c.index], c.before, c.after, c.relative)
        for c in sorted(largest, key=lambda change: change.index)
    ]
