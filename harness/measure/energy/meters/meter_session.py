"""A session in which a meter measures while vectors are streamed."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError
from harness.link.host_clock import Span
from harness.link.messages import Welcome, result_size
from harness.measure.energy.inference_energy import Energy, energy_of
from harness.measure.energy.inference_windows import Interval, Timeline, between_edges
from harness.measure.energy.meters.meter import Capture, Identity, Meter
from harness.target.target_file import Target

QUIET = 0.25
"""Seconds before and after all inferences in which the device waits and the host is silent."""

_BITS = 10  # per byte on the line, including start and stop bits
_START = 0.05  # seconds a meter may take until its first sample


@dataclass(frozen=True, eq=False)
class Metered:
    """Energy, the meter that measured it, and the user's note about the setup."""

    energy: Energy
    identity: Identity
    note: str


class MeterSession:
    """A context manager; `meter` measures inside it."""

    def __init__(self, meter: Meter, note: str) -> None:
        self._meter = meter
        self._note = note
        self._before = self._after = (0.0, 0.0)
        self._capture: Capture

    def __enter__(self) -> Self:
        self._meter.start()
        time.sleep(_START)
        self._before = _quiet()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            with contextlib.suppress(HarnessError):  # the first error matters, not this one
                self._meter.stop()
            return
        self._after = _quiet()
        self._capture = self._meter.stop()

    def result(
        self,
        spans: Sequence[Span],
        target: Target,
        welcome: Welcome,
        ticks: Sequence[int],
        hz: float | None,
    ) -> Metered:
        """Return the energy of the inferences; each took its `ticks` somewhere inside its span.

        On hardware, `hz` of the ticks and the baud rate give the length of an inference and the
        time of RESULT on the line; an emulator has no such timing.
        """
        answer, seconds = 0.0, None
        if target.counter.ticks == "cycles":
            answer = _BITS * result_size(welcome.output_size) / target.port.baud
            if hz is not None and len(ticks) == len(spans):
                seconds = tuple(each / hz for each in ticks)
        timeline = Timeline((self._before, self._after), tuple(spans), answer, seconds)
        return Metered(energy_of(self._capture, timeline), self._meter.identity, self._note)

    def between_edges(self, spans: Sequence[Span], iterations: npt.NDArray[np.int64]) -> Metered:
        """Return the energy per inference in each of N windows with `iterations` [N] inferences.

        A falling edge of the trigger begins a window and the next one ends it, as in MLPerf Tiny.
        """
        timeline = Timeline((self._before, self._after), tuple(spans))
        energy = energy_of(between_edges(self._capture, len(spans)), timeline)
        each = replace(
            energy, joules=energy.joules / iterations, seconds=energy.seconds / iterations
        )
        return Metered(each, self._meter.identity, self._note)


def _quiet() -> Interval:
    begin = time.perf_counter()
    time.sleep(QUIET)
    return begin, time.perf_counter()
