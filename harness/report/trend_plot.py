"""Trends to look at: a plot, and lines in a terminal."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.measure.number import Number
from harness.report.comparison_text import shown
from harness.report.plain_text import percent, printable
from harness.results.judge.change_points import Change
from harness.results.judge.trend import Trend

_WIDTH = 64  # columns of a sparkline
_BARS = "▁▂▃▄▅▆▇█"
_LEAST = 0.1  # of the largest change
_LABELLED = 8  # changes in a panel, the largest
_GAP = 1.5  # of the usual time between runs: then one is missing
_LABELS = 0.5  # of the height of what is plotted is left for labels above it
_TITLE = 110  # letters
_PANEL = 1.9  # inches

Why = Callable[[Trend, Change], Sequence[str]]


def print_trend(trend: Trend, why: Why, console: Console) -> None:
    """Print the trend in a line, and its largest changes with what `why` says of them."""
    first, last = trend.points[0], trend.points[-1]
    _say(console, f"{trend.metric} of {title(trend)}", "bold")
    nights = f"{first.started:%Y-%m-%d} to {last.started:%Y-%m-%d}"
    _say(console, f"  {len(trend.points)} runs, {nights}, {kind_of(trend)}")
    low, high = min(trend.values), max(trend.values)
    _say(console, f"  {sparkline(trend)}")
    _say(
        console,
        f"  from {_value(trend, low)} to {_value(trend, high)}, now {_value(trend, last.value)}",
    )
    if not trend.changes:
        _say(console, "  no change")
    marked = _largest(trend.changes)
    if len(marked) < len(trend.changes):
        _say(console, f"  {len(trend.changes)} changes, the largest:")
    for change in sorted(marked, key=lambda change: change.index):
        point = trend.points[change.index]
        _say(
            console,
            f"  {point.started:%Y-%m-%d} {point.commit[:10] or 'no commit':10}  "
            f"{_value(trend, change.before)} → {_value(trend, change.after)} "
            f"({percent(change.relative)})",
        )
        for line in why(trend, change):
            _say(console, f"      {line}", "dim")


def sparkline(trend: Trend) -> str:
    """Return the trend in a line of characters; where no run was, there is a gap."""
    times, values = trend.times, trend.values
    columns: dict[int, list[float]] = {}
    width = min(_WIDTH, _nights(times))
    whole = max((times[-1] - times[0]).total_seconds(), 1.0)
    for time, value in zip(times, values, strict=True):
        place = round((time - times[0]).total_seconds() / whole * (width - 1))
        columns.setdefault(place, []).append(value)
    heights = {place: median(several) for place, several in columns.items()}
    low, high = min(heights.values()), max(heights.values())
    return "".join(_bar(heights.get(place), low, high) for place in range(width))


def plot_trends(trends: Sequence[Trend], path: Path) -> None:
    """Write a plot of a panel for each trend, with its changes marked, to `path`."""
    # Imported late: matplotlib takes a while.
    from harness.report.plot_file import drawing  # noqa: PLC0415

    with drawing(path, 8.0, 0.6 + _PANEL * len(trends)) as figure:
        panels = figure.subplots(len(trends), 1, sharex=True, squeeze=False)[:, 0]
        for panel, trend in zip(panels, trends, strict=True):
            _panel(panel, trend)
        panels[-1].tick_params(axis="x", rotation=20)


def title(trend: Trend) -> str:
    """Return which combination it is."""
    return f"{trend.model} on {trend.target} ({trend.engine}, {trend.toolchain} {trend.optimize})"


def kind_of(trend: Trend) -> str:
    """Return the kind of the numbers, and of an estimate by what, and how far that may be off."""
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
    panel.set_title(_unread(title(trend)), loc="left", fontsize=9)
    if len(marked) < len(trend.changes):
        others = f"{len(trend.changes) - len(marked)} smaller changes are not marked"
        panel.set_title(others, loc="right", fontsize=7)
    unit = "" if trend.unit == "1" else f", {trend.unit}"
    panel.set_ylabel(f"{trend.metric}{unit}\n({kind_of(trend)})", fontsize=8)
    panel.yaxis.set_major_formatter("{x:,.10g}")
    panel.margins(y=0.15)
    bottom, top = panel.get_ylim()
    panel.set_ylim(bottom, top + _LABELS * (top - bottom) * bool(trend.changes))


def _largest(changes: Sequence[Change]) -> list[Change]:
    """Return the changes that are marked: few, and none that is nothing beside the largest."""
    found = sorted(changes, key=lambda change: -abs(change.relative))[:_LABELLED]
    return [change for change in found if abs(change.relative) >= _LEAST * abs(found[0].relative)]


def _unread(text: str) -> str:
    """Return `text` that matplotlib does not read as a formula, cut to the width of a panel."""
    return printable(text)[:_TITLE].replace("$", r"\$")


def _levels(trend: Trend) -> list[float]:
    if not trend.changes:
        return [median(trend.values)]
    return [trend.changes[0].before, *(change.after for change in trend.changes)]


def _with_gaps(trend: Trend) -> tuple[list[datetime], list[float]]:
    """Return times and values, with NaN between where a run is missing."""
    usual = _usual(trend.times)
    times, values = trend.times[:1], trend.values[:1]
    for (before, _), (time, value) in pairwise(zip(trend.times, trend.values, strict=True)):
        if time - before > _GAP * usual:
            times.append(before + (time - before) / 2)
            values.append(math.nan)
        times.append(time)
        values.append(value)
    return times, values


def _usual(times: Sequence[datetime]) -> timedelta:
    """Return the usual time between two runs."""
    between = [(after - before).total_seconds() for before, after in pairwise(times)]
    return timedelta(seconds=median(between) if between else 1.0)


def _nights(times: Sequence[datetime]) -> int:
    """Return how many runs there would be if none was missing."""
    usual = max(_usual(times), timedelta(seconds=1))
    return round((times[-1] - times[0]) / usual) + 1


def _bar(height: float | None, low: float, high: float) -> str:
    if height is None:
        return " "
    share = (height - low) / (high - low) if high > low else 0.5
    return _BARS[round(share * (len(_BARS) - 1))]


def _value(trend: Trend, value: float) -> str:
    unit = "" if trend.unit == "1" else f" {trend.unit}"
    estimate = trend.estimator or ""
    return f"{shown(Number(value, trend.unit, trend.kind, estimate))}{unit}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style), highlight=False)
