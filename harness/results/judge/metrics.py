"""The metrics: which way is better, in which unit, and what must be equal to compare two."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

Better = Literal["lower", "higher", ""]


class Metric(NamedTuple):
    """The numbers whose names match `pattern`.

    `unit` is empty where it is not known. `needs` names facts of two runs without which being
    equal the numbers mean different things: see `run_context`. Not `compared` are
    those that say how busy the host was, or follow from others.
    """

    pattern: str
    better: Better
    unit: str
    needs: Sequence[str] = ()
    compared: bool = True


METRICS: Sequence[Metric] = (  # the first that matches counts
    Metric("accuracy", "higher", "1", ("vectors",)),
    Metric("auc", "higher", "1", ("vectors",)),
    Metric("*_golden", "", "1", ("vectors",)),
    Metric("*_target", "", "1"),
    Metric("vectors", "", "1"),
    Metric("bytes_differing", "lower", "byte", ("vectors",)),
    Metric("results_differing", "lower", "1", ("vectors",)),
    Metric("throughput", "higher", "1/s", ("vectors", "clock")),
    Metric("windows", "", "1"),
    Metric("*_spread", "", "1", ("vectors",)),
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
_STATISTICS = ("min", "median", "p95", "p99", "max", "first")


def metric_of(name: str) -> Metric:
    """Return what is known of the number called `name`; of an unknown one, that it is none."""
    return next((metric for metric in METRICS if fnmatchcase(name, metric.pattern)), _OTHER)


def known_names() -> set[str]:
    """Return the names that numbers usually have."""
    patterns = [metric.pattern for metric in METRICS]
    return {
        pattern.replace("*", end)
        for pattern in patterns
        for end in (_STATISTICS if pattern.endswith("_*") else ("",))
        if not pattern.startswith("*")
    }
