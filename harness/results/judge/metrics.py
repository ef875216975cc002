"""The metrics: which direction is better, the unit, and the conditions for a comparison."""

from collections.abc import Container, Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from harness.model.metric import BETTER

Better = Literal["lower", "higher", ""]


class Metric(NamedTuple):
    """The numbers whose names match `pattern`.

    `better` is empty if neither direction is better. `unit` is empty if it is that of the labels,
    or not known. `needs` names the facts (see `run_context`) that must be equal in two runs for a
    comparison. `compared` is False for numbers that depend on how busy the host is, or that follow
    from other numbers. `counts_answers`: it counts right or wrong answers, so no change is small.
    """

    pattern: str
    better: Better
    unit: str
    needs: Sequence[str] = ()
    compared: bool = True
    counts_answers: bool = False


METRICS: Sequence[Metric] = (  # the first match applies
    Metric("accuracy", BETTER["accuracy"], "1", ("vectors",), counts_answers=True),
    Metric("auc", BETTER["auc"], "1", ("vectors",)),
    Metric("agreement", BETTER["agreement"], "1", ("vectors",), counts_answers=True),
    Metric("mae", BETTER["mae"], "", ("vectors",)),  # in the unit of the labels, as the next ones
    Metric("rmse", "lower", "", ("vectors",)),
    Metric("misses", "lower", "1", ("vectors",), counts_answers=True),
    Metric("false_accepts", "lower", "1", ("vectors",), counts_answers=True),
    Metric("detection_errors", BETTER["detection_errors"], "1", ("vectors",), compared=False),
    Metric("*_golden", "", "", ("vectors",)),
    Metric("*_target", "", ""),
    Metric("*_chance", "", "", ("vectors",)),
    Metric("vectors", "", "1"),
    Metric("bytes_differing", "lower", "byte", ("vectors",), counts_answers=True),
    Metric("ulp_difference", "lower", "ulp", ("vectors",)),
    Metric("ulp_tolerance", "", "ulp"),
    Metric("results_differing", "lower", "1", ("vectors",), counts_answers=True),
    Metric("clock", "", "Hz"),
    Metric("throughput", "higher", "1/s", ("vectors", "clock")),
    Metric("windows", "", "1"),
    Metric("*_spread", "", "1", compared=False),
    Metric("instructions_*", "lower", "1", ("vectors",)),
    Metric("cycles_estimated*", "lower", "1", ("vectors",)),
    Metric("cycles_*", "lower", "1", ("vectors",)),
    Metric("latency_*", "lower", "s", ("vectors", "clock")),
    Metric("energy_stdev", "", "J"),
    Metric("energy_standard_error", "", "J"),
    Metric("energy_*", "lower", "J", ("vectors", "clock", "supply", "meter")),
    Metric("power_*", "", "W", ("clock", "supply", "meter")),
    Metric("counter_overhead", "", "1"),
    Metric("flash", "lower", "byte"),
    Metric("ram", "lower", "byte"),
    Metric("arena*", "lower", "byte"),
    Metric("stack", "lower", "byte"),
    Metric("stack_reserved", "", "byte"),
    Metric("wall*", "", "s", compared=False),
    Metric("*_left", "", "byte", compared=False),
    Metric("stack_margin", "", "byte", compared=False),
    Metric("layers_*", "", "1", compared=False),
)
_OTHER = Metric("*", "", "")
STATISTICS = ("min", "median", "p95", "p99", "max", "first")

TICK_UNITS = ("cycles", "instructions")
"""The units of ticks."""


def metric_of(name: str) -> Metric:
    """Return the metric of the number `name`; a metric without direction for an unknown name."""
    return next((metric for metric in METRICS if fnmatchcase(name, metric.pattern)), _OTHER)


def known_names() -> set[str]:
    """Return the names that numbers can have, as far as the patterns give them."""
    patterns = [metric.pattern for metric in METRICS]
    return {
        pattern.replace("*", end)
        for pattern in patterns
        for end in (STATISTICS if pattern.endswith("_*") else ("",))
        if not pattern.startswith("*")
    }


def tick_unit(numbers: Container[str]) -> str:
    """Return the unit of a run's ticks, from the names of its numbers; empty without ticks."""
    return next((unit for unit in TICK_UNITS if f"{unit}_median" in numbers), "")
