"""Trends as a plot, and as lines in a terminal."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console

from harness.measure.number import Number
from harness.measure.shown_number import SCALED, percent
from harness.report.comparison_text import value_text
from harness.report.terminal_lines import keeping, print_line
from harness.results.judge.change_points import Change
from harness.results.judge.trend import Trend
from harness.support.printable import printable

_WIDTH = 64  # columns of a sparkline, at most
_BARS = "▁▂▃▄▅▆▇█"
_SMALLEST_SHARE = 0.1  # a change is marked if it is not smaller than this share of the largest
_MAX_MARKED = 8  # changes in a panel
_GAP = 1.5  # times the usual time between runs; after that, a run is missing
_LABEL_SPACE = 0.5  # height above the plot for the labels, relative to the height of the plot
_TITLE_LENGTH = 110  # characters
_PANEL_HEIGHT = 1.9  # inches

Why = Callable[[Trend, Change], Sequence[str]]


def print_trend(trend: Trend, why: Why, console: Console) -> None:
    """Print the trend as a sparkline, and its largest changes with their causes from `why`."""
    first, last = trend.points[0], trend.points[-1]
    heading = f"{trend.metric} of {title(trend)}"
    print_line(console, keeping(heading, trend.model, trend.target, style="bold"))
    runs = f"{len(trend.points)} run{'s' * (len(trend.points) > 1)}"
    dates = f"{first.started:%Y-%m-%d} to {last.started:%Y-%m-%d}"
    print_line(console, f"  {runs}, {dates}, {kind_of(trend)}")
    if trend.failed:
        also_last = ", the last one too" if last.id in trend.failed else ""
        print_line(console, f"  {len(trend.failed)} of the runs failed{also_last}", "red")
    low, high = min(trend.values), max(trend.values)
    print_line(console, f"  {sparkline(trend, console.width - 2)}")
    now = _value(trend, last.value)
    if low < high:
        span = f"from {_value(trend, low)} to {_value(trend, high)}, now {now}"
        print_line(console, f"  {span}{'' if trend.changes else '; no change of the level'}")
    else:
        print_line(console, f"  {now}: no change")
    marked = _largest(trend.changes)
    if len(marked) < len(trend.changes):
        print_line(console, f"  {len(trend.changes)} changes, the largest:")
    for change in sorted(marked, key=lambda change: change.index):
        point = trend.points[change.index]
        print_line(
            console,
            f"  {point.started:%Y-%m-%d} {point.commit[:10] or 'no commit':10}  "
            f"{_value(trend, change.before)} → {_value(trend, change.after)} "
            f"({percent(change.relative)})",
        )
        for line in why(trend, change):
            print_line(console, f"      {line}", "dim")


def sparkline(trend: Trend, room: int = _WIDTH) -> str:
    """Return the trend as a line of at most `room` characters, with gaps for missing runs."""
    times, values = trend.times, trend.values
    columns: dict[int, list[float]] = {}
    width = max(1, min(room, _WIDTH, _expected_runs(times)))
    whole = max((times[-1] - times[0]).total_seconds(), 1.0)
    for time, value in zip(times, values, strict=True):
        column = round((time - times[0]).total_seconds() / whole * (width - 1))
        columns.setdefault(column, []).append(value)
    heights = {column: median(several) for column, several in columns.items()}
    low, high = min(heights.values()), max(heights.values())
    return "".join(_bar(heights.get(column), low, high) for column in range(width))


def plot_trends(trends: Sequence[Trend], path: Path) -> None:
    """Write a plot with a panel for each trend to `path`, with its changes marked."""
    from harness.report.plot_file import drawing  # noqa: PLC0415 - matplotlib

    with drawing(path, 8.0, 0.6 + _PANEL_HEIGHT * len(trends)) as figure:
        panels = figure.subplots(len(trends), 1, sharex=True, squeeze=False)[:, 0]
        for panel, trend in zip(panels, trends, strict=True):
            _panel(panel, trend)
        panels[-1].tick_params(axis="x", rotation=20)


def title(trend: Trend) -> str:
    """Return the combination of the trend."""
    return f"{trend.model} on {trend.target} ({trend.engine}, {trend.toolchain} {trend.optimize})"


def kind_of(trend: Trend) -> str:
    """Return the kind of the numbers; for an estimate also its error and its model."""
    if trend.kind != "estimated":
        return trend.kind
    error = f" ±{100 * trend.error:.0f} %" if trend.error is not None else ""
    return f"estimated{error} by {trend.estimator}"


def _panel(panel: Any, trend: Trend) -> None:
    times, values = _with_gaps(trend)
    if trend.kind == "measured":
        panel.plot(times, values, ".-", color="0.55", ms=3, lw=0.8)
        edges = [0, *(change.index for change in trend.changes), len(trend.points)]
        for (begin, end), level in zip(pairwise(edges), _levels(trend), strict=True):
            panel.hlines(level, trend.times[begin], trend.times[end - 1], color="black", lw=1.8)
    else:
        panel.plot(times, values, ".-", color="black", ms=3, lw=1.2, drawstyle="steps-post")
    marked = _largest(trend.changes)
    for change in marked:
        point = trend.points[change.index]
        panel.axvline(point.started, color="black", lw=0.8, ls=":")
        panel.annotate(
            f"{point.commit[:7]}\n{percent(change.relative)}",
            (point.started, 1.0),
            (2, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=7,
        )
    panel.set_title(_plain_title(title(trend)), loc="left", fontsize=9)
    if len(marked) < len(trend.changes):
        others = f"{len(trend.changes) - len(marked)} smaller changes are not marked"
        panel.set_title(others, loc="right", fontsize=7)
    unit = "" if trend.unit == "1" else f", {_unit_name(trend.unit)}"
    panel.set_ylabel(f"{trend.metric}{unit}\n({kind_of(trend)})", fontsize=8)
    panel.yaxis.set_major_formatter("{x:,.10g}")
    panel.margins(y=0.15)
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + _LABEL_SPACE * (top - bottom) * bool(trend.changes))


def _largest(changes: Sequence[Change]) -> list[Change]:
    """Return the changes to mark: the largest ones, without any that are much smaller."""
    largest = sorted(changes, key=lambda change: -abs(change.relative))[:_MAX_MARKED]
    return [
        change
        for change in largest
        if abs(change.relative) >= _SMALLEST_SHARE * abs(largest[0].relative)
    ]


def _plain_title(text: str) -> str:
    """Return `text` cut to the width of a panel."""
    return printable(text)[:_TITLE_LENGTH]


def _levels(trend: Trend) -> list[float]:
    if not trend.changes:
        return [median(trend.values)]
    return [trend.changes[0].before, *(change.after for change in trend.changes)]


def _with_gaps(trend: Trend) -> tuple[list[datetime], list[float]]:
    """Return times and values, with a NaN for each missing run."""
    usual = _usual_interval(trend.times)
    times, values = trend.times[:1], trend.values[:1]
    for (before, _), (time, value) in pairwise(zip(trend.times, trend.values, strict=True)):
        if time - before > _GAP * usual:
            times.append(before + (time - before) / 2)
            values.append(math.nan)
        times.append(time)
        values.append(value)
    return times, values


def _usual_interval(times: Sequence[datetime]) -> timedelta:
    """Return the usual time between two runs."""
    intervals = [(after - before).total_seconds() for before, after in pairwise(times)]
    return timedelta(seconds=median(intervals) if intervals else 1.0)


def _expected_runs(times: Sequence[datetime]) -> int:
    """Return the number of runs, including missing ones."""
    usual = max(_usual_interval(times), timedelta(seconds=1))
    return round((times[-1] - times[0]) / usual) + 1


def _bar(height: float | None, low: float, high: float) -> str:
    if height is None:
        return " "
    share = (height - low) / (high - low) if high > low else 0.5
    return _BARS[round(share * (len(_BARS) - 1))]


def _value(trend: Trend, value: float) -> str:
    number = Number(value, trend.unit, trend.kind, trend.estimator)
    unit = "" if trend.unit in SCALED | {"1"} else f" {_unit_name(trend.unit)}"
    return f"{value_text(number)}{unit}"


def _unit_name(unit: str) -> str:
    return "bytes" if unit == "byte" else unit
