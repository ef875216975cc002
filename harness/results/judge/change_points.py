"""Where a series changes: exact numbers by ==, sampled ones beyond their noise.

Sampled series are cut by binary segmentation with the cost of absolute deviations, by which an
outlier weighs little (Truong, Oudre, Vayatis: Selective review of offline change point detection
methods, Signal Processing 167, 2020; library ruptures), and a cut is kept where the levels
beside it differ by a rank test (Mann, Whitney 1947) and by a least magnitude. What it finds and
misses is measured: docs/trend.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

LEAST_HISTORY = 10
"""Runs without which nothing is said about sampled numbers."""
LEAST_SEGMENT = 5
"""Runs that a level must last: fewer may be outliers."""
LEAST_CHANGE = 0.01
"""Relative difference of two levels below which they are one."""
_SIGNIFICANCE = 0.002  # of the rank test; 5 runs after 10 can just reach it
_PENALTY = 1.25  # of a cut, in the noise's standard deviations, times log(runs)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """From the run `index` on, the level is `after` and no longer `before`."""

    index: int
    before: float
    after: float

    @property
    def relative(self) -> float:
        """The difference relative to the level before; infinite where that was 0."""
        return relative(self.before, self.after)


@dataclass(frozen=True)
class Level:
    """What runs between two changes have in common: their median, least and most."""

    median: float
    least: float
    most: float


def relative(old: float, new: float) -> float:
    """Return the difference of `new` to `old`, relative to `old`."""
    if old == new:
        return 0.0
    return (new - old) / abs(old) if old else math.copysign(math.inf, new - old)


def exact_changes(values: Sequence[float]) -> list[Change]:
    """Return where a value is not the one before: exact numbers have no noise."""
    return [
        Change(index, old, new)
        for index, (old, new) in enumerate(pairwise(values), start=1)
        if old != new
    ]


def sampled_changes(values: Sequence[float]) -> list[Change]:
    """Return where the level of a noisy series changes; in a short one nowhere."""
    return [
        Change(index, old.median, new.median)
        for index, (old, new) in enumerate(pairwise(levels_of(values)), start=1)
        if old is not new
    ]


def levels_of(values: Sequence[float]) -> list[Level]:
    """Return the level of each run of a noisy series; runs of one level have the same object."""
    if not values:
        return []
    series = np.asarray(values, dtype=np.float64)
    cuts = _cuts(series) if len(series) >= LEAST_HISTORY else []
    levels = []
    for begin, end in pairwise([0, *cuts, len(series)]):
        runs = series[begin:end]
        level = Level(float(np.median(runs)), float(runs.min()), float(runs.max()))
        levels += [level] * len(runs)
    return levels


def _cuts(series: Values) -> list[int]:
    """Return the first run of each new level."""
    from ruptures import Binseg  # noqa: PLC0415 - scipy

    noise = float(np.abs(np.diff(series)).mean()) * math.sqrt(math.pi) / 2  # of Gaussian noise
    if noise == 0:
        return []
    search = Binseg(model="l1", min_size=LEAST_SEGMENT, jump=1).fit(series)
    cuts: list[int] = search.predict(pen=_PENALTY * noise * math.log(len(series)))[:-1]
    while cuts:
        doubts = [_doubt(series, cuts, place) for place in range(len(cuts))]
        worst = int(np.argmax(doubts))
        if doubts[worst] <= _SIGNIFICANCE:
            break
        del cuts[worst]
    return cuts


def _doubt(series: Values, cuts: Sequence[int], place: int) -> float:
    """Return how likely noise is what a cut parts; 1 where the levels are too near."""
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 - scipy

    begin, cut, end = [0, *cuts, len(series)][place : place + 3]
    before, after = series[begin:cut], series[cut:end]
    if abs(relative(float(np.median(before)), float(np.median(after)))) < LEAST_CHANGE:
        return 1.0
    return float(mannwhitneyu(before, after).pvalue)
