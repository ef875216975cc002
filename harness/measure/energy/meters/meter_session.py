"""A meter measures while vectors are streamed."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from harness.errors import HarnessError
from harness.link.link_client import Span
from harness.link.messages import Welcome, result_size
from harness.measure.energy.inference_energy import Energy, energy_of
from harness.measure.energy.inference_windows import Interval, Timeline, between_edges
from harness.measure.energy.meters.meter import Capture, Identity, Meter
from harness.target.target_file import Target

QUIET = 0.25
"""Seconds before and after all inferences in which the device waits and the host is silent."""

_BITS = 10  # of a byte on the line, with start and stop
_START = 0.05  # seconds that a meter may take for its first sample


@dataclass(frozen=True, eq=False)
class Metered:
    """Energy, by which meter, and what the user has to say about the set-up."""

    energy: Energy
    identity: Identity
    note: str


class MeterSession:
    """While it is entered, `meter` measures."""

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
            with contextlib.suppress(HarnessError):  # which is not the first thing that went wrong
                self._meter.stop()
            return
        self._after = _quiet()
        self._capture = self._meter.stop()

    def result(
        self, spans: Sequence[Span], target: Target, welcome: Welcome, ticks: Sequence[int]
    ) -> Metered:
        """Return the energy of the inferences, which took `ticks` each, somewhere in its span.

        How long that was, and RESULT on the line, is known of a chip with its clock and baud
        rate; an emulator keeps neither.
        """
        answer, seconds = 0.0, None
        if target.counter.ticks == "cycles":
            answer = _BITS * result_size(welcome.output_size) / target.port.baud
            if target.clock is not None and len(ticks) == len(spans):
                seconds = tuple(each / target.clock.hz for each in ticks)
        timeline = Timeline((self._before, self._after), tuple(spans), answer, seconds)
        return Metered(energy_of(self._capture, timeline), self._meter.identity, self._note)

    def between_edges(self, spans: Sequence[Span], iterations: npt.NDArray[np.int64]) -> Metered:
        """Return the energy of an inference in each of N windows, of so many `iterations`, [N].

        A falling edge of the trigger begins a window, and another ends it, as MLPerf Tiny has it.
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
