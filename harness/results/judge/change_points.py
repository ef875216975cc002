"""Change points of a series: exact numbers are compared with ==, measured ones beyond noise.

A measured series is cut by binary segmentation. A cut stays if the levels on both sides differ in
a rank test and by a minimum size. docs/trend.md has the measured rates of false alarms and misses.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.results.judge.rank_test import p_value
from harness.results.judge.segmentation import Values, segment

MIN_HISTORY = 10
"""Minimum number of runs; with fewer, no change of a measured number is reported."""
MIN_SEGMENT = 5
"""Minimum number of runs of a level; fewer may be outliers."""
MIN_CHANGE = 0.01
"""Minimum relative difference of two levels; closer levels count as one."""
_SIGNIFICANCE = 0.002  # p-value of the rank test; 5 runs after 10 can just reach it
_PENALTY = 1.25  # of a cut, in standard deviations of the noise, times log(runs)


@dataclass(frozen=True)
class Change:
    """The level changes from `before` to `after` at the run `index`."""

    index: int
    before: float
    after: float

    @property
    def relative(self) -> float:
        """The difference relative to the level before; infinite if that is 0."""
        return relative(self.before, self.after)


@dataclass(frozen=True)
class Level:
    """The runs between two changes: their median, minimum and maximum."""

    median: float
    minimum: float
    maximum: float


def relative(old: float, new: float) -> float:
    """Return the difference between `new` and `old`, relative to `old`."""
    if old == new:
        return 0.0
    return (new - old) / abs(old) if old else math.copysign(math.inf, new - old)


def exact_changes(values: Sequence[float]) -> list[Change]:
    """Return the changes of exact numbers: every value that differs from the one before."""
    return [
        Change(index, old, new)
        for index, (old, new) in enumerate(pairwise(values), start=1)
        if old != new
    ]


def sampled_changes(values: Sequence[float]) -> list[Change]:
    """Return the changes of level in a noisy series; none in a short one."""
    return [
        Change(index, old.median, new.median)
        for index, (old, new) in enumerate(pairwise(levels_of(values)), start=1)
        if old is not new
    ]


def levels_of(values: Sequence[float]) -> list[Level]:
    """Return the level of each run in a noisy series; runs of one level share one object."""
    if not values:
        return []
    series = np.asarray(values, dtype=np.float64)
    cuts = _cuts(series) if len(series) >= MIN_HISTORY else []
    levels = []
    for begin, end in pairwise([0, *cuts, len(series)]):
        runs = series[begin:end]
        level = Level(float(np.median(runs)), float(runs.min()), float(runs.max()))
        levels += [level] * len(runs)
    return levels


def _cuts(series: Values) -> list[int]:
    """Return the index of the first run of each new level."""
    noise = (
        float(np.abs(np.diff(series)).mean()) * math.sqrt(math.pi) / 2
    )  # standard deviation of Gaussian noise
    if noise == 0:
        return []
    penalty = _PENALTY * noise * math.log(len(series))
    cuts = segment(series, min_size=MIN_SEGMENT, penalty=penalty)
    while cuts:
        p_values = [_p_value(series, cuts, index) for index in range(len(cuts))]
        worst = int(np.argmax(p_values))
        if p_values[worst] <= _SIGNIFICANCE:
            break
        del cuts[worst]
    return cuts


def _p_value(series: Values, cuts: Sequence[int], index: int) -> float:
    """Return the p-value of the rank test at a cut; 1 if the levels are too close."""
    begin, cut, end = [0, *cuts, len(series)][index : index + 3]
    before, after = series[begin:cut], series[cut:end]
    if abs(relative(float(np.median(before)), float(np.median(after)))) < MIN_CHANGE:
        return 1.0
    return p_value(before, after)
