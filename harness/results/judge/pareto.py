"""Pareto optimality."""

from collections.abc import Sequence


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Tell for each of `points` whether it is Pareto-optimal; smaller values are better.

    A point is Pareto-optimal if no other point is at least as good in both values and better in
    one. Equal points are all optimal, or none of them is.
    """
    return [not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points]
