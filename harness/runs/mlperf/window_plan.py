"""The plan of a run over MLPerf Tiny's protocol: how many windows, and how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WindowPlan:
    """Performance windows; the defaults are the official rules, tests use shorter windows.

    A window lasts at least `seconds` and `iterations` inferences; `warmups` inferences come first.
    """

    windows: int = 5
    seconds: float = 10.0
    iterations: int = 10
    warmups: int = 10
