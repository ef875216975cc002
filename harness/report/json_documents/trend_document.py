"""The document of `harness trend`: a number over time, and where it changed."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from harness.measure.number import Kind
from harness.report.json_documents.named_combination import NamedCombination
from harness.results.judge.change_points import Change
from harness.results.judge.trend import Trend
from harness.support.json_output import Document


class TrendPoint(msgspec.Struct, frozen=True, kw_only=True):
    """The number of one run."""

    run: str
    """Id of the run's Record."""
    started: str
    """When it started, ISO 8601 with the time zone."""
    commit: str
    """Hash of the commit. It is empty outside git."""
    failed: bool
    """Whether the run failed."""
    value: float
    """The value, in the unit of the trend."""


class TrendChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change: of a measured number that of its level, of another number any difference."""

    run: str
    """Id of the first run after the change."""
    before: float
    """The value or the level before."""
    after: float
    """The value or the level after."""
    relative: float | None
    """The difference relative to the value before (0.1: 10 %). It is null if that is 0."""
    causes: list[str]
    """What else differs between the runs before and after."""


class MetricTrend(NamedCombination, frozen=True, kw_only=True):
    """A number of one combination in all its runs."""

    metric: str
    """Name of the number in Records."""
    unit: str
    """Its unit."""
    kind: Kind
    """Its kind."""
    estimator: str
    """Name of the model of an estimate."""
    error: float | None
    """Error of an estimate, or uncertainty of a measurement, relative to the value."""
    points: list[TrendPoint]
    """The runs, oldest first."""
    changes: list[TrendChange]
    """The changes, oldest first."""


class TrendDocument(Document, frozen=True, tag="tinyml-harness/trend/1"):
    """`harness trend`: a trend for each combination, unit and kind."""

    trends: list[MetricTrend]
    """The trends."""
    left_out: list[str]
    """Engines whose runs are left out, because only some of the vectors ran."""
    plot: str
    """Path of the plot. It is empty without `--plot`."""


Why = Callable[[Trend, Change], Sequence[str]]


def trend_document(
    trends: Iterable[Trend], why: Why, left_out: Sequence[str], plot: Path | None
) -> TrendDocument:
    """Return `trends` with the causes of their changes from `why`."""
    return TrendDocument(
        trends=[_trend(trend, why) for trend in trends],
        left_out=list(left_out),
        plot=str(plot or ""),
    )


def _trend(trend: Trend, why: Why) -> MetricTrend:
    return MetricTrend(
        target=trend.target,
        model=trend.model,
        engine=trend.engine,
        toolchain=trend.toolchain,
        opt=trend.optimize,
        metric=trend.metric,
        unit=trend.unit,
        kind=trend.kind,
        estimator=trend.estimator,
        error=trend.error,
        points=[
            TrendPoint(
                run=point.id,
                started=point.started.isoformat(),
                commit=point.commit,
                failed=point.id in trend.failed,
                value=point.value,
            )
            for point in trend.points
        ],
        changes=[
            TrendChange(
                run=trend.points[change.index].id,
                before=change.before,
                after=change.after,
                relative=change.relative if math.isfinite(change.relative) else None,
                causes=list(why(trend, change)),
            )
            for change in trend.changes
        ],
    )
