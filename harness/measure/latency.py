"""The distribution of an inference's ticks, and of its time where a clock is stated."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.measure.number import Kind, Number
from harness.target.target_file import Target


class Distribution(NamedTuple):
    """Of N inferences, in ticks.

    The 95th percentile is the smallest inference that at least 95 % of all do not exceed, so
    it is one that was observed; of few inferences it is the slowest. So is the 99th.
    """

    min: int
    median: float
    p95: int
    p99: int
    max: int

    @property
    def spread(self) -> float:
        """From the fastest to the slowest, as a part of the median: 0 if all are the same."""
        return (self.max - self.min) / self.median


def distribution(ticks: npt.NDArray[np.uint32]) -> Distribution:
    """Return the distribution of `ticks`, [N], N > 0."""
    p95, p99 = np.percentile(ticks, (95, 99), method="inverted_cdf").tolist()
    return Distribution(
        min=int(ticks.min()),
        median=float(np.median(ticks)),
        p95=int(p95),
        p99=int(p99),
        max=int(ticks.max()),
    )


def numbers(ticks: npt.NDArray[np.uint32], first: int | None, target: Target) -> dict[str, Number]:
    """Return what a Record says of `ticks`, [N], and of the `first` inference, to warm up.

    Cycles are time, too, where the target states its clock; instructions never are.
    """
    unit = target.counter.ticks
    kind: Kind = "exact" if unit == "instructions" else "measured"
    found = distribution(ticks)
    result = {f"{unit}_{name}": Number(value, "1", kind) for name, value in found._asdict().items()}
    result[f"{unit}_spread"] = Number(found.spread, "1", kind)
    if first is not None:
        result[f"{unit}_first"] = Number(first, "1", kind)
    if unit == "cycles" and target.clock is not None:
        for name, value in found._asdict().items():
            result[f"latency_{name}"] = Number(value / target.clock.hz, "s", "measured")
    return result
