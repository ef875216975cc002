"""Trends: a number of one combination, run by run, and where it changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from harness.errors import InputError
from harness.measure.number import Kind
from harness.results.judge.change_points import Change, exact_changes, sampled_changes
from harness.results.judge.metrics import known_names
from harness.results.judge.run_context import differences, provenance
from harness.results.store.store import Entry, Point, Store, Which
from harness.support.suggestions import suggest

_MOST = 16  # lines in a plot
_TICKS = ("cycles_median", "instructions_median")
_SHORT = {
    "cycles": _TICKS,
    "ticks": _TICKS,
    "instructions": ("instructions_median",),
    "latency": ("latency_median", "latency_estimated"),
    "energy": ("energy_median", "energy_estimated"),
}


@dataclass(frozen=True)
class Trend:
    """The number called `metric` of one combination, oldest run first.

    All are of one unit and kind, and estimates of one model, `estimator`, off by about `error`
    where that is known. `changes` are those of exact numbers and estimates by ==, of measured
    ones by their level.
    """

    metric: str
    target: str
    model: str
    engine: str
    toolchain: str
    optimize: str
    unit: str
    kind: Kind
    estimator: str
    error: float | None
    points: Sequence[Point]
    changes: Sequence[Change]

    @property
    def times(self) -> list[datetime]:
        """When the runs started."""
        return [point.started for point in self.points]

    @property
    def values(self) -> list[float]:
        """The numbers."""
        return [point.value for point in self.points]


def trends(store: Store, metric: str, **which: Unpack[Which]) -> list[Trend]:
    """Return the trends of `metric`, one for each combination of the runs asked for.

    Short names stand for medians: `cycles` for `cycles_median`, or for `instructions_median`
    where there are no cycles. Raises `InputError` if there are none, or too many to be read.
    """
    entries = {entry.id: entry for entry in store.find(**which)}
    names = _SHORT.get(metric, (metric,))
    found = [
        _trend(name, entries[points[0].id], points)
        for name in names
        for points in _alike(store.series(name, **which), entries)
    ]
    if not found:
        raise InputError(
            _nothing(metric, entries), remedy=suggest(metric, {*_SHORT, *known_names()})
        )
    if len(found) > _MOST:
        raise InputError(
            f"{metric} has {len(found)} combinations of target, model and toolchain",
            remedy="ask for fewer, with --model, --target, --toolchain",
        )
    return found


def cause(store: Store, trend: Trend, change: Change) -> list[str]:
    """Return what else differs where a trend changes: between the runs before and after it."""
    before, after = (store.record(trend.points[change.index - 1 + i].id) for i in (0, 1))
    return [*map(str, differences(before, after)), provenance(before, after)]


def _alike(points: Sequence[Point], entries: dict[str, Entry]) -> list[list[Point]]:
    """Return the points by combination, unit and kind, which are not to be mixed."""
    found: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        run = entries.get(point.id)
        if run is not None:  # and not added since
            key = (*run.combination, point.unit, point.kind, point.estimator)
            found.setdefault(key, []).append(point)
    return [found[key] for key in sorted(found)]


def _trend(metric: str, run: Entry, points: Sequence[Point]) -> Trend:
    last = points[-1]
    values = [point.value for point in points]
    return Trend(
        metric,
        run.target,
        run.model,
        run.engine,
        run.toolchain,
        run.optimize,
        last.unit,
        last.kind,
        last.estimator,
        last.error,
        points,
        sampled_changes(values) if last.kind == "measured" else exact_changes(values),
    )


def _nothing(metric: str, entries: dict[str, Entry]) -> str:
    if not entries:
        return "there are no such runs"
    return f"none of {len(entries)} runs has a number called {metric!r}"
