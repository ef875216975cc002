"""The interface of a meter, and its capture."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Identity:
    """A meter's description of itself; a `virtual` meter invents its currents."""

    name: str
    serial: str = ""
    firmware: str = ""
    virtual: bool = False


@dataclass(frozen=True, eq=False)
class Capture:
    """A meter's samples from `start` to `stop`: N samples at `hz`.

    `current` is in A, float [N], NaN for a missing sample; `volts` is the supply in V, one value or
    float [N]; `trigger` is the level of the trigger input, bool [N], None if there is no input.
    `began` is the host's best estimate of the time of the first sample, in seconds of
    `time.perf_counter`. `missing` samples never arrived; `corrupt` samples arrived damaged.
    """

    hz: float
    current: npt.NDArray[np.floating[Any]]
    volts: float | npt.NDArray[np.floating[Any]]
    trigger: npt.NDArray[np.bool_] | None
    began: float
    missing: int = 0
    corrupt: int = 0


class Meter(Protocol):
    """An open meter. The code that opened it must call `close`; every wait has a deadline.

    All methods raise `InfrastructureError` if the meter is missing, refuses a command, or stops.
    """

    @property
    def identity(self) -> Identity:
        """Which meter it is."""

    def start(self) -> None:
        """Begin to measure."""

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""

    def close(self) -> None:
        """Release the meter; closing twice is not an error."""
