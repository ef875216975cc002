"""The distribution of inference ticks, and of latency if the clock is known."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.measure.core_clock import ClockBounds, hz_of
from harness.measure.number import Kind, Number
from harness.target.target_file import Target


class Distribution(NamedTuple):
    """The distribution of N inferences, in ticks.

    The 95th percentile is the smallest observed value that at least 95 % of all inferences do
    not exceed; with few inferences it is the slowest. The same holds for the 99th.
    """

    min: int
    median: float
    p95: int
    p99: int
    max: int

    @property
    def spread(self) -> float:
        """Difference of slowest and fastest, relative to the median: 0 if all are equal."""
        return (self.max - self.min) / self.median


def distribution(ticks: npt.NDArray[np.int64]) -> Distribution:
    """Return the distribution of `ticks`, [N], N > 0."""
    p95, p99 = np.percentile(ticks, (95, 99), method="inverted_cdf").tolist()
    return Distribution(
        min=int(ticks.min()),
        median=float(np.median(ticks)),
        p95=int(p95),
        p99=int(p99),
        max=int(ticks.max()),
    )


def numbers(
    ticks: npt.NDArray[np.int64],
    first: int | None,
    target: Target,
    clock: ClockBounds | None = None,
) -> dict[str, Number]:
    """Return a Record's numbers for `ticks`, [N], and for the `first` inference, the warm-up.

    Cycles are also given as latency, by the clock that the target states or else by the measured
    `clock`, whose uncertainty is then theirs. Instructions are never time.
    """
    unit = target.counter.ticks
    kind: Kind = "exact" if unit == "instructions" else "measured"
    values = distribution(ticks)
    result = {f"{unit}_{key}": Number(value, "1", kind) for key, value in values._asdict().items()}
    result[f"{unit}_spread"] = Number(values.spread, "1", kind)
    if first is not None:
        result[f"{unit}_first"] = Number(first, "1", kind)
    if clock is not None and not clock.is_vague:
        result["clock"] = Number(clock.hz, "Hz", "measured", error=clock.error)
    hz = hz_of(target, clock)
    if hz is not None:
        error = None if target.clock or clock is None else clock.error
        for key, value in values._asdict().items():
            result[f"latency_{key}"] = Number(value / hz, "s", "measured", error=error)
    return result
