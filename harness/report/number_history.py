"""The history of numbers: which numbers reports show, and where a number changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.board.device_info import DeviceInfo
from harness.measure.shown_number import percent, quantity
from harness.results.judge.boards import NO_DEVICE, change_note
from harness.results.judge.change_points import exact_changes, sampled_changes
from harness.results.judge.metrics import metric_of
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
    "mae": "MAE",
    "rmse": "RMSE",
    "misses": "misses",
    "false_accepts": "false accepts",
    "agreement": "agreement",
    "flash": "flash",
    "ram": "RAM",
    "arena": "arena",
    "stack": "stack",
    "energy_median": "energy",
    "energy_estimated": "energy",
}
"""The numbers whose history is shown, with their headings."""

Series = list[Point]
"""One number in all runs of a combination, oldest run first."""

_UNKNOWN: Mapping[str, DeviceInfo] = {}
_MAX_CHANGES = 12  # the largest are shown


@dataclass(frozen=True)
class NumberChange:
    """A change of a number between two runs, `before` and `after`, from `old` to `new`."""

    before: Point
    after: Point
    old: float
    new: float
    relative: float
    board_note: str = ""
    """Whether the board changed, too."""

    @property
    def where(self) -> str:
        """The date of the change, the commits on both sides, and whether the board changed."""
        commits = dict.fromkeys(point.commit[:10] for point in (self.before, self.after))
        between = f", commit {' → '.join(commits)}" if all(commits) else ""
        board = f"; {self.board_note}" if self.board_note else ""
        return f"{self.after.started:%Y-%m-%d}{between}{board}"

    @property
    def step(self) -> str:
        """The values on both sides, and the difference."""
        unit = self.after.unit
        return f"{quantity(self.old, unit)} → {quantity(self.new, unit)} ({percent(self.relative)})"

    def __str__(self) -> str:
        return f"{self.step}, {self.where}"


def small_of(name: str, small: float) -> float:
    """Return the share below which a change of the number is small: `small`, or 0 for answers."""
    return 0.0 if metric_of(name).counts_answers else small


def largest_changes(
    points: Series, devices: Mapping[str, DeviceInfo] = _UNKNOWN, small: float = 0.0
) -> Sequence[NumberChange]:
    """Return the largest changes of a number, oldest first, without those below the share `small`.

    `devices` are the boards of the runs, by their ids.

    Exact numbers and estimates are compared with `==`; measured numbers must change beyond noise.
    """
    values = [point.value for point in points]
    measured = any(point.kind == "measured" for point in points)
    changes = sampled_changes(values) if measured else exact_changes(values)
    shown = [change for change in changes if abs(change.relative) >= small]
    largest = sorted(shown, key=lambda change: -abs(change.relative))[:_MAX_CHANGES]
    boards = [devices.get(point.id, NO_DEVICE) for point in points]
    return [
        NumberChange(
            *(points[c.index - 1], points[c.index], c.before, c.after, c.relative),
            change_note(boards, values, changes, c),
        )
        for c in sorted(largest, key=lambda change: change.index)
    ]
