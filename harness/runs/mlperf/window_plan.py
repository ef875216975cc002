"""How much a run over MLPerf Tiny's protocol measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WindowPlan:
    """Windows of performance: the official ones, unless a test has no time for them.

    A window lasts at least `seconds` and `iterations` inferences; `warmups` inferences come first.
    """

    windows: int = 5
    seconds: float = 10.0
    iterations: int = 10
    warmups: int = 10
