"""Trends: one number of a combination over all its runs, and where it changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Unpack

from harness.board.device_info import DeviceInfo
from harness.errors import InputError
from harness.measure.number import Kind
from harness.results.judge.boards import change_note
from harness.results.judge.change_points import Change, exact_changes, sampled_changes
from harness.results.judge.run_context import differences, provenance
from harness.results.store.open_results import MAKE_RUNS
from harness.results.store.store import Entry, Point, RunFilter, Store
from harness.support.plural import count_of
from harness.support.suggestions import suggest

_MAX_TRENDS = 16  # panels in a plot
_TICKS = ("cycles_median", "instructions_median")
_SHORT_NAMES = {
    "cycles": _TICKS,
    "ticks": _TICKS,
    "instructions": ("instructions_median",),
    "latency": ("latency_median", "latency_estimated"),
    "energy": ("energy_median", "energy_estimated"),
}


@dataclass(frozen=True)
class Trend:
    """The number `metric` of one combination, oldest run first.

    All values have the same unit and kind. Estimates come from the same model, `estimator`, with
    the relative `error`, if known. `changes` are found with == for exact numbers and estimates,
    and by level for measured numbers. `failed` are the ids of the runs that failed.
    `devices` are the boards of the points.
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
    devices: Sequence[DeviceInfo]
    changes: Sequence[Change]
    failed: frozenset[str] = frozenset()

    @property
    def times(self) -> list[datetime]:
        """The times at which the runs started."""
        return [point.started for point in self.points]

    @property
    def values(self) -> list[float]:
        """The values, in the unit of the trend."""
        return [point.value for point in self.points]


def trends(store: Store, metric: str, **filters: Unpack[RunFilter]) -> list[Trend]:
    """Return the trends of `metric`, one for each combination of the selected runs.

    Short names stand for medians: `cycles` for `cycles_median`, or for `instructions_median` of
    targets without cycles. Runs of some of the vectors are left out, unless their engine is named,
    as in `partial_engines`. Raises `InputError` if there are no trends, or too many to read; if
    `metric` is empty, it names the numbers that there are.
    """
    found = store.find(**filters)
    partial = partial_engines(found, **filters)
    entries = {entry.id: entry for entry in found if entry.engine not in partial}
    if partial and not entries:
        raise InputError(
            "there are only runs of some of the vectors", remedy=f"name one: --engine={partial[0]}"
        )
    if not metric and entries:
        what = "name the number to show"
        raise InputError(what, where="--metric", remedy=suggest("", _recorded(store, entries)))
    names = _SHORT_NAMES.get(metric, (metric,))
    result = [
        _trend(name, [entries[point.id] for point in points], points)
        for name in names
        for points in _by_combination(store.series(name, **filters), entries)
    ]
    if not result:
        raise _not_recorded(store, metric, entries) if entries else _no_runs(store, filters)
    if len(result) > _MAX_TRENDS:
        raise InputError(
            f"{metric} has {len(result)} combinations of target, model and toolchain",
            remedy="select fewer with --model, --target or --toolchain",
        )
    return result


def partial_engines(entries: Sequence[Entry], **filters: Unpack[RunFilter]) -> list[str]:
    """Return the engines of runs of some of the vectors, such as `cmsis-nn/40-of-200`.

    There are none if an engine is named.
    """
    if filters.get("engine"):
        return []
    return sorted({entry.engine for entry in entries if entry.combination.is_partial})


def cause(store: Store, trend: Trend, change: Change) -> list[str]:
    """Return what else differs between the runs before and after a change."""
    before, after = (store.record(trend.points[change.index - 1 + i].id) for i in (0, 1))
    boards = change_note(trend.devices, trend.values, trend.changes, change)
    causes = [*map(str, differences(before, after)), provenance(before, after), boards]
    return [each for each in causes if each]


def _by_combination(points: Sequence[Point], entries: dict[str, Entry]) -> list[list[Point]]:
    """Return the points grouped by combination, unit, kind and estimator."""
    groups: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        run = entries.get(point.id)
        if run is not None:  # otherwise it was added since
            key = (*run.combination, point.unit, point.kind, point.estimator)
            groups.setdefault(key, []).append(point)
    return [groups[key] for key in sorted(groups)]


def _trend(metric: str, runs: Sequence[Entry], points: Sequence[Point]) -> Trend:
    run, last = runs[0], points[-1]
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
        [run.device for run in runs],
        sampled_changes(values) if last.kind == "measured" else exact_changes(values),
        frozenset(run.id for run in runs if run.verdict != "passed"),
    )


def _no_runs(store: Store, filters: RunFilter) -> InputError:
    """Return the error for `filters` that no run matches; it names the first without a run."""
    every = store.find()
    if not every:
        return InputError("there are no runs yet", remedy=MAKE_RUNS)
    wanted = {name: str(value) for name, value in filters.items() if value is not None}
    for name, value in wanted.items():
        known = {getattr(entry, name) for entry in every} - {""}
        if value not in known:
            return InputError(f"no run has the {name} {value!r}", remedy=suggest(value, known))
    return InputError(
        "no run has " + " and ".join(f"the {name} {value!r}" for name, value in wanted.items()),
        remedy="leave out one of these options",
    )


def _not_recorded(store: Store, metric: str, entries: dict[str, Entry]) -> InputError:
    """Return the error for runs without the number; it suggests one that the newest ones have."""
    return InputError(
        f"none of the {count_of(len(entries), 'run')} has a number {metric!r}"
        if len(entries) > 1
        else f"the run has no number {metric!r}",
        remedy=suggest(metric, _recorded(store, entries)),
    )


def _recorded(store: Store, entries: dict[str, Entry]) -> set[str]:
    """Return the numbers that the newest run of each combination has, with their short names."""
    newest = {entry.combination: entry.id for entry in reversed(entries.values())}
    numbers = {name for run in newest.values() for name in store.record(run).numbers}
    return numbers | {name for name, full in _SHORT_NAMES.items() if numbers & set(full)}
