"""The rank test of Mann and Whitney (1947): do two samples come from one distribution?

The p-values are those of `scipy.stats.mannwhitneyu` with its defaults; tests compare the two. SciPy
itself takes 140 MB, and this test is all that the harness would use of it.
"""

import math

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

_EXACT = 8  # up to this size of the smaller sample, p is exact if no values are equal


def p_value(one: Values, other: Values) -> float:
    """Return the two-sided p-value; each sample has at least one value."""
    ordered = np.sort(other)
    wins = int(np.searchsorted(ordered, one, side="left").sum())
    draws = int(np.searchsorted(ordered, one, side="right").sum()) - wins
    pairs = len(one) * len(other)
    u = max(wins + draws / 2, pairs - wins - draws / 2)
    equal = np.unique(np.concatenate([one, other]), return_counts=True)[1]
    if min(len(one), len(other)) <= _EXACT and equal.max() == 1:
        ways = _ways(len(one), len(other))
        return min(1.0, 2 * sum(ways[int(u) :]) / sum(ways))
    return min(1.0, _normal_p(u, len(one), len(other), equal))


def _normal_p(u: float, m: int, n: int, equal: npt.NDArray[np.intp]) -> float:
    """Return p by the normal distribution, corrected for continuity and for equal values."""
    size = m + n
    ties = float((equal.astype(float) ** 3 - equal).sum()) / (size * (size - 1))
    deviation = math.sqrt(m * n / 12 * (size + 1 - ties))
    if deviation == 0:
        return 1.0  # all values are equal
    return math.erfc((u - m * n / 2 - 0.5) / deviation / math.sqrt(2))


def _ways(m: int, n: int) -> list[int]:
    """Return for each U from 0 to m * n in how many orders of m and n values it occurs.

    These are the coefficients of the Gaussian binomial: the product of (1 - q^(n+k)) / (1 - q^k)
    for k from 1 to m.
    """
    m, n = min(m, n), max(m, n)
    ways = [1] + [0] * (m * n)
    for k in range(1, m + 1):
        for u in range(m * n, n + k - 1, -1):
            ways[u] -= ways[u - n - k]
        for u in range(k, m * n + 1):
            ways[u] += ways[u - k]
    return ways
