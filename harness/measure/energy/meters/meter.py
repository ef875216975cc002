"""What a meter is to the harness, and what it hands over."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Identity:
    """Which meter it was, as far as it says; a `virtual` one invents the currents it shows."""

    name: str
    serial: str = ""
    firmware: str = ""
    virtual: bool = False


@dataclass(frozen=True, eq=False)
class Capture:
    """What a meter saw from `start` to `stop`: N samples, `hz` of them a second.

    `current` is in A, float [N], NaN where a sample is missing; `volts` the supply, in V, one
    for all or float [N]; `trigger` the level of its trigger input, bool [N], None where it has
    none. `began` is when the first sample was taken, in seconds of `time.perf_counter`, as far
    as the host can tell. `missing` samples never came, `corrupt` ones came and were none.
    """

    hz: float
    current: npt.NDArray[np.floating[Any]]
    volts: float | npt.NDArray[np.floating[Any]]
    trigger: npt.NDArray[np.bool_] | None
    began: float
    missing: int = 0
    corrupt: int = 0


class Meter(Protocol):
    """An open meter. Whoever opened it calls `close` in the end; every wait has a deadline.

    All of it raises `InfrastructureError` when the meter is not there, refuses, or stops.
    """

    @property
    def identity(self) -> Identity:
        """Which meter it is."""

    def start(self) -> None:
        """Begin to measure; samples come from now on."""

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""

    def close(self) -> None:
        """Give it back; closing twice is no error."""
