"""Which of several ways is worth a look."""

from collections.abc import Sequence


def pareto(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Tell for each of `points`, less being better, whether it is Pareto-optimal.

    It is if no other is as good both ways and better one way; equal points are all or none.
    """
    return [not any(a <= x and b <= y and (a, b) != (x, y) for a, b in points) for x, y in points]
