"""The spread between boards of one kind: how far equal boards differ with the same image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.board.device_info import DeviceInfo
from harness.measure.number import Kind
from harness.results.combination import Combination
from harness.results.store.store import Entry, Point, Store

METRICS = {
    "instructions_median": "instructions",
    "cycles_median": "cycles",
    "latency_median": "latency",
    "energy_median": "energy",
}
"""The numbers whose spread is shown, with their headings."""


@dataclass(frozen=True)
class BoardValue:
    """The median of a number over the `runs` of a board."""

    device: DeviceInfo
    runs: int
    value: float


@dataclass(frozen=True)
class Spread:
    """A number of one combination and one image on several boards, the lowest value first."""

    combination: Combination
    build_id: str
    metric: str
    unit: str
    kind: Kind
    boards: Sequence[BoardValue]

    @property
    def minimum(self) -> float:
        """The value of the lowest board."""
        return self.boards[0].value

    @property
    def median(self) -> float:
        """The median over the boards."""
        return median(board.value for board in self.boards)

    @property
    def maximum(self) -> float:
        """The value of the highest board."""
        return self.boards[-1].value

    @property
    def relative(self) -> float:
        """The difference between the highest and the lowest board, relative to the median."""
        middle = self.median
        return (self.maximum - self.minimum) / abs(middle) if middle else 0.0


def all_spreads(store: Store) -> list[Spread]:
    """Return the spreads of all combinations in `store`."""
    histories: dict[Combination, list[Entry]] = {}
    for entry in store.find(newest_first=False):
        histories.setdefault(entry.combination, []).append(entry)
    series = {name: store.series(name) for name in METRICS}
    return [
        spread for _, history in sorted(histories.items()) for spread in spreads(history, series)
    ]


def spreads(history: Sequence[Entry], series: Mapping[str, Sequence[Point]]) -> list[Spread]:
    """Return the spread of each number of `METRICS`; none if only one board ran.

    `history` are the runs of a combination, oldest first. Only the image of the newest passed run
    counts, since another image has other numbers on the same board. `series` has the numbers by
    name.
    """
    known = [entry for entry in history if entry.verdict == "passed" and entry.device.board]
    newest = {e.id: e for e in known if (e.build_id, e.vectors) == _ran(known[-1])}
    if len({entry.device.board for entry in newest.values()}) < 2:  # noqa: PLR2004 - several
        return []
    found = (
        _spread(name, newest, [point for point in series.get(name, ()) if point.id in newest])
        for name in METRICS
    )
    return [spread for spread in found if spread is not None]


def row_of(spread: Spread) -> dict[str, Any]:
    """Return a spread as a row of a table."""
    target, model, engine, toolchain, optimize = spread.combination
    return {
        "target": target,
        "model": model,
        "engine": engine,
        "toolchain": toolchain,
        "optimize": optimize,
        "build_id": spread.build_id,
        "metric": spread.metric,
        "unit": spread.unit,
        "kind": spread.kind,
        "boards": len(spread.boards),
        "runs": sum(board.runs for board in spread.boards),
        "min": spread.minimum,
        "median": spread.median,
        "max": spread.maximum,
        "spread": spread.relative,
    }


def _ran(entry: Entry) -> tuple[str, str]:
    return entry.build_id, entry.vectors


def _spread(name: str, runs: Mapping[str, Entry], points: Sequence[Point]) -> Spread | None:
    """Return the spread of the number `name`; None if fewer than two boards have it."""
    values: dict[str, list[float]] = {}
    for point in points:
        values.setdefault(runs[point.id].device.board, []).append(point.value)
    if len(values) < 2:  # noqa: PLR2004 - several
        return None
    devices = {entry.device.board: entry.device for entry in runs.values()}
    boards = [
        BoardValue(devices[board], len(several), median(several))
        for board, several in values.items()
    ]
    last, newest = points[-1], runs[points[-1].id]
    boards.sort(key=lambda board: (board.value, board.device.board))
    return Spread(newest.combination, newest.build_id, name, last.unit, last.kind, boards)
