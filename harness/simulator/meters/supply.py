"""The current that a virtual board draws, and the energy of each inference, exactly."""

import math
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ASLEEP = 1.1e-3
AWAKE = 6.0e-3
"""Amperes; while it is awake they go up and down by RIPPLE."""
RIPPLE = 1.2e-3

_OMEGA = 2 * math.pi * 731.0  # rad/s


class Edge(NamedTuple):
    """From `time` on, in seconds of `time.monotonic`, the core is awake, and the trigger high."""

    time: float
    awake: bool
    trigger: bool


class Supply:
    """Keeps when the core was awake and its trigger high.

    An edge that is told of later than its time has been shown on the meter is as late as that:
    what was injected is what was shown, however the machine is loaded.
    """

    def __init__(self) -> None:
        self._edges = [Edge(-math.inf, awake=False, trigger=False)]
        self._shown = -math.inf
        self._lock = threading.Lock()

    def note(
        self, moment: float, *, awake: bool | None = None, trigger: bool | None = None
    ) -> None:
        """Note a change at the `moment`; what is None stays."""
        with self._lock:
            last = self._edges[-1]
            self._edges.append(
                Edge(
                    max(moment, self._shown, last.time),
                    last.awake if awake is None else awake,
                    last.trigger if trigger is None else trigger,
                )
            )

    def show(
        self, moments: npt.NDArray[np.float64], late: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return the current in A at each of the `moments`, and the trigger `late` before."""
        with self._lock:
            self._shown = max(self._shown, float(moments[-1]))
            times, awake, trigger = (np.array(column) for column in zip(*self._edges, strict=True))
        place = np.searchsorted(times, moments, side="right") - 1
        before = np.searchsorted(times, moments - late, side="right") - 1
        working = AWAKE + RIPPLE * np.sin(_OMEGA * moments)
        return np.where(awake[place], working, ASLEEP), trigger[before]

    def inferences(self) -> list[float]:
        """Return the charge in A·s of each time that the trigger was high, exactly."""
        return [charge for charge, _ in self._charges(lambda edge: edge.trigger)]

    def stretches(self) -> list[float]:
        """Return the charge in A·s of each time awake in which the trigger was high, exactly."""
        return [charge for charge, high in self._charges(lambda edge: edge.awake) if high]

    def _charges(self, counts: Callable[[Edge], bool]) -> list[tuple[float, bool]]:
        """Return the charge of each time that `counts`, and whether the trigger was high in it."""
        with self._lock:
            edges = list(self._edges)
        charges: list[tuple[float, bool]] = []
        counted = False
        for edge, following in pairwise(edges):
            if counts(edge):
                charge, high = charges.pop() if counted else (0.0, False)
                charges.append((charge + _charge(edge, following.time), high or edge.trigger))
            counted = counts(edge)
        return charges


def _charge(edge: Edge, end: float) -> float:
    if not edge.awake:
        return ASLEEP * (end - edge.time)
    swing = RIPPLE / _OMEGA * (math.cos(_OMEGA * edge.time) - math.cos(_OMEGA * end))
    return AWAKE * (end - edge.time) + swing
