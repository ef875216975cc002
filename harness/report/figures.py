"""The geometry of the report's small figures; the templates turn it into SVG.

x grows to the right and y down, in a box of `WIDTH` by `HEIGHT`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

WIDTH = 300
HEIGHT = 48
_LARGEST = 2**53  # a double represents every whole number up to here
_EDGE = 3  # margin above and below a line, so that its stroke is not cut off
_BINS = 36
_BUCKETS = 100  # a line with too many points is reduced to these parts

Dated = Sequence[tuple[float, float]]
"""Values over time: (seconds, value), oldest first."""


class Box(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """The number of values in each of the equal bins from `low` to `high`."""

    boxes: list[Box]
    low: float
    high: float

    @property
    def path(self) -> str:
        """The boxes as one SVG path; they stand on the lower edge."""
        return "".join(f"M{b.x:g} {HEIGHT}V{b.y:g}h{b.width:g}V{HEIGHT}" for b in self.boxes)


@dataclass(frozen=True)
class Line:
    """Values over time: an SVG path, and its last point."""

    path: str
    last: tuple[float, float]


def histogram(values: Sequence[int]) -> Histogram | None:
    """Return the histogram of `values`; None if all are equal, or one is too large to draw."""
    if min(values) == max(values) or max(values) > _LARGEST:
        return None
    counts, edges = np.histogram(values, bins=_BINS)
    step = WIDTH / _BINS
    tallest = HEIGHT / int(counts.max())
    boxes = [
        # A bin with a single value among thousands stays visible.
        Box(round(i * step, 2), round(HEIGHT - height, 2), round(step - 0.8, 2), round(height, 2))
        for i, count in enumerate(counts)
        if (height := max(count * tallest, 1.0 if count else 0.0))
    ]
    return Histogram(boxes, float(edges[0]), float(edges[-1]))


def x_position(value: float, low: float, high: float) -> float:
    """Return the x of a value on an axis from `low` to `high`."""
    return round((value - low) / (high - low) * WIDTH, 2) if high > low else WIDTH / 2


def line(points: Dated, *, steps: bool, least: float = 0.0) -> Line | None:
    """Return `points` as a line; with `steps`, each value holds until the next point.

    The axis of the values is at least `least` long, relative to them: little noise stays little.
    """
    if not points:
        return None
    values = [value for _, value in points]
    low, high = min(values), max(values)
    missing = max(0.0, least * (abs(low) + abs(high)) / 2 - (high - low)) if high > low else 0.0
    low, high = low - missing / 2, high + missing / 2
    first, end = points[0][0], points[-1][0]
    drawn = thin([(x_position(time, first, end), _y(value, low, high)) for time, value in points])
    (x, y), *rest = drawn
    parts = [f"M{x:.4g} {y:g}"]
    for x, new in rest:
        parts.append(f"L{x:.4g} {new:g}" if not steps else f"H{x:.4g}" + f"V{new:g}" * (new != y))
        y = new
    return Line("".join(parts), drawn[-1])


def thin(points: Dated) -> Dated:
    """Return fewer points that draw the same line, or a line with the same extremes."""
    kept = [
        point
        for i, point in enumerate(points)
        if i in {0, len(points) - 1} or not points[i - 1][1] == point[1] == points[i + 1][1]
    ]
    if len(kept) <= 2 * _BUCKETS:
        return kept
    first, end = kept[0][0], kept[-1][0]
    buckets: dict[int, list[tuple[float, float]]] = {}
    for point in kept[1:-1]:
        buckets.setdefault(int((point[0] - first) / (end - first) * _BUCKETS), []).append(point)
    extremes = [
        point
        for bucket in buckets.values()
        for point in sorted({min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])})
    ]
    return [kept[0], *extremes, kept[-1]]


def stack(sizes: Sequence[float], whole: float) -> list[Box]:
    """Return boxes side by side; the width of each is its share of `whole`."""
    scale = WIDTH / whole if whole else 0.0
    begins = accumulate(sizes, initial=0.0)
    return [
        Box(round(begin * scale, 2), 0, round(size * scale, 2), HEIGHT)
        for begin, size in zip(begins, sizes, strict=False)
    ]


def _y(value: float, low: float, high: float) -> float:
    if high <= low:
        return HEIGHT / 2
    return round(HEIGHT - _EDGE - (value - low) / (high - low) * (HEIGHT - 2 * _EDGE), 1)
