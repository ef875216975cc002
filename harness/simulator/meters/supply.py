"""The current of a virtual board, and the exact charge of each inference."""

import math
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ASLEEP = 1.1e-3
AWAKE = 6.0e-3
RIPPLE = 1.2e-3
"""Currents in A; RIPPLE is the amplitude of the sine that is added while the core is awake."""

_OMEGA = 2 * math.pi * 731.0  # rad/s


class Edge(NamedTuple):
    """The state of core and trigger from `time` on, in seconds of `time.monotonic`."""

    time: float
    awake: bool
    trigger: bool


class Supply:
    """Stores when the core was awake and when its trigger was high.

    If a change is noted after the meter has already shown its moment, the change is moved to the
    end of the shown time. The exact charges therefore always match the shown current, even on a
    busy machine.
    """

    def __init__(self) -> None:
        self._edges = [Edge(-math.inf, awake=False, trigger=False)]
        self._shown = -math.inf
        self._lock = threading.Lock()

    def note(
        self, moment: float, *, awake: bool | None = None, trigger: bool | None = None
    ) -> None:
        """Note a change at `moment`; None means unchanged."""
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
        """Return the current in A at each of `moments`, and the trigger `late` seconds before."""
        with self._lock:
            self._shown = max(self._shown, float(moments[-1]))
            times, awake, trigger = (np.array(column) for column in zip(*self._edges, strict=True))
        index = np.searchsorted(times, moments, side="right") - 1
        late_index = np.searchsorted(times, moments - late, side="right") - 1
        working = AWAKE + RIPPLE * np.sin(_OMEGA * moments)
        return np.where(awake[index], working, ASLEEP), trigger[late_index]

    def inferences(self) -> list[float]:
        """Return the exact charge in A·s of each period in which the trigger was high."""
        return [charge for charge, _ in self._charges(lambda edge: edge.trigger)]

    def awake_periods(self) -> list[float]:
        """Return the exact charge in A·s of each awake period in which the trigger was high."""
        return [charge for charge, high in self._charges(lambda edge: edge.awake) if high]

    def _charges(self, counts: Callable[[Edge], bool]) -> list[tuple[float, bool]]:
        """Return, for each period in which `counts` is true, its charge and any trigger in it."""
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
