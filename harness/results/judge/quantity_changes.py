"""The changes between two runs as a person reads them: what matters first, one line for each.

The minimum, median, maximum and percentiles of one quantity change together, so they are one
change. A change that is smaller than a set magnitude is small.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.results.judge.compare import Delta, Judged
from harness.results.judge.metrics import METRICS, STATISTICS, metric_of

SMALL = 0.001
"""The magnitude of a change below which it is small, relative to the old number."""

_ORDER: Sequence[Judged] = ("worse", "unclear", "better", "changed")
_MAIN_FIRST = ("", "median", *STATISTICS)


@dataclass(frozen=True)
class QuantityChange:
    """The numbers of one quantity that changed and are judged alike, such as median and maximum.

    The first of `deltas` stands for all.
    """

    deltas: Sequence[Delta]
    small: bool

    @property
    def main(self) -> Delta:
        """The number that stands for all: the median, if it changed."""
        return self.deltas[0]

    @property
    def others(self) -> Sequence[Delta]:
        """The other numbers of the quantity."""
        return self.deltas[1:]

    @property
    def judged(self) -> Judged:
        """How every number of the change is judged."""
        return self.main.judged


def quantity_changes(deltas: Iterable[Delta], small: float = SMALL) -> list[QuantityChange]:
    """Return the differences among `deltas` in the order in which a person reads them.

    Small changes come last; `small` is their magnitude. Before that, worse numbers come first, and
    numbers without a better direction last. Numbers that are equal or not comparable are left out.
    """
    groups: dict[tuple[str, ...], list[Delta]] = {}
    for delta in deltas:
        if delta.judged in _ORDER:
            key = (_quantity(delta.name), delta.judged, str(delta.kind), delta.why)
            groups.setdefault(key, []).append(delta)
    changes = []
    for group in groups.values():
        ordered = sorted(group, key=lambda delta: _MAIN_FIRST.index(_statistic(delta.name)))
        changes.append(QuantityChange(ordered, all(is_small(delta, small) for delta in group)))
    return sorted(changes, key=_rank)


def is_small(delta: Delta, small: float = SMALL) -> bool:
    """Tell whether the magnitude of a change is below `small`; never so for counted answers."""
    return not metric_of(delta.name).counts_answers and abs(delta.relative) < small


def _rank(change: QuantityChange) -> tuple[bool, int, bool, int]:
    metric = metric_of(change.main.name)
    place = METRICS.index(metric) if metric in METRICS else len(METRICS)
    estimated = change.main.kind == "estimated"
    return change.small, _ORDER.index(change.judged), estimated, place


def _quantity(name: str) -> str:
    return name.removesuffix(f"_{statistic}") if (statistic := _statistic(name)) else name


def _statistic(name: str) -> str:
    """Return the statistic in the name of a number, such as `p95`; empty without one."""
    end = name.rpartition("_")[2]
    return end if end in STATISTICS and end != name else ""
