"""A run over MLPerf Tiny's protocol, and its verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.board.device_info import DeviceInfo
from harness.engines.prebuilt_engine import PREBUILT
from harness.image.build import Image
from harness.image.memory_record import MemoryUse
from harness.measure.energy.meters.meter_session import Metered
from harness.measure.quality import (
    accuracy,
    auc,
    chance_of,
    details,
    detections,
    mean_absolute_error,
    of_recordings,
    quality_of,
)
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.mlperf_benchmarks import Benchmark, benchmark_of
from harness.model.vectors import Vectors
from harness.runs.device_under_test import quality_failures, raise_failures
from harness.runs.mlperf.device_lines import TranscriptLine
from harness.runs.mlperf.measured_window import Window
from harness.runs.mlperf.mlperf_client import Identity
from harness.runs.mlperf.runner import matches
from harness.runs.run_text import described
from harness.target.target_file import Target

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class MlperfRun:
    """A device's answers to N vectors, and its performance windows.

    `printed` are the numbers that it printed for each vector, as text; `golden` [N, ...] is the
    model's expected output, and `expected` float [N, values] the numbers that it should print.
    `windows` is empty if none were requested. `log` has lines outside the protocol,
    `transcripts` all lines of "accuracy" and of "windows". `metered` is the energy of
    each window, if a meter measured it. `device` is which of several equal boards ran. `wall` is in
    seconds.
    """

    target: Target
    model: Model
    network: Graph
    image: Image
    board_version: str
    identity: Identity
    vectors: Vectors
    golden: Array
    golden_source: str
    expected: Array
    printed: tuple[tuple[str, ...], ...]
    microseconds: tuple[int | None, ...]
    windows: tuple[Window, ...]
    retries: int
    log: tuple[str, ...]
    transcripts: Mapping[str, Sequence[TranscriptLine]]
    memory: MemoryUse
    wall: float
    metered: Metered | None = None
    subset: None = None  # this protocol runs all vectors
    device: DeviceInfo | None = None
    recoveries: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<MlperfRun of {described(self)}>"

    @property
    def built(self) -> bool:
        """Whether the image was built from the model; prebuilt firmware may contain another."""
        return self.image.engine != PREBUILT

    @property
    def benchmark(self) -> Benchmark | None:
        """The benchmark of the model; None if it belongs to no benchmark."""
        return benchmark_of(self.model, self.network)

    @cached_property
    def values(self) -> Array:
        """The printed numbers, float [N, values]."""
        return np.array(self.printed, dtype=np.float64)

    @cached_property
    def quality(self) -> float:
        """The model's metric for the printed numbers."""
        metric, vectors = self.model.metric, self.vectors
        if metric == "agreement":
            return (len(vectors) - len(self.differing)) / len(vectors)
        if metric == "mae":
            return mean_absolute_error(self.values, vectors.real_labels)
        labels = vectors.class_labels
        if metric == "detection_errors":
            return detections(self.values, labels, vectors.recordings).errors
        if metric == "auc":
            return auc(*of_recordings(self.values[:, 0], labels, vectors.recordings))
        if self.network.arg_max is not None:
            return float((self.values[:, 0] == labels).mean())
        return accuracy(self.values, labels)

    @cached_property
    def golden_quality(self) -> float:
        """The model's metric for golden's outputs."""
        golden = (self.golden,)
        return quality_of(self.model.metric, self.vectors, golden, golden, self.network)

    @cached_property
    def chance(self) -> float | None:
        """The metric that guesses may reach on these vectors; None if nobody can guess."""
        return chance_of(self.model.metric, self.vectors, self.network)

    @cached_property
    def quality_details(self) -> Mapping[str, float]:
        """The numbers that belong beside the metric: see `metric.DETAILS`."""
        return details(self.model.metric, self.vectors, self.values)

    @cached_property
    def differing(self) -> list[int]:
        """The vectors whose printed results differ from golden, to the precision printed."""
        pairs = enumerate(zip(self.printed, self.expected, strict=True))
        return [index for index, (printed, expected) in pairs if not matches(printed, expected)]

    @property
    def throughput(self) -> float | None:
        """Inferences per second, the median of the windows; None if no clock measured time.

        An emulator's timer counts instructions, not time.
        """
        timed = [window.throughput for window in self.windows if window.microseconds is not None]
        return median(timed) if timed and self.target.counter.ticks == "cycles" else None

    @property
    def untimed(self) -> str:
        """Why there is no throughput; empty if there is one."""
        if self.throughput is not None:
            return ""
        if not self.windows:
            return "no window was measured"
        if self.target.counter.ticks != "cycles":
            return f"the clock of {self.target.name} counts instructions, not time"
        return "the firmware is in energy mode and prints no timestamps"

    def failures(self) -> list[str]:
        """Return why the model fails on this target; empty if it passes.

        An image that was built from the model fails if results differ from golden. Prebuilt
        firmware may contain the model in another quantization; it only has to reach the quality
        target.
        """
        reasons = []
        if self.differing and self.built:
            first = self.differing[0]
            expected = ", ".join(f"{value:.4f}" for value in self.expected[first][:12])
            reasons.append(
                f"{len(self.differing)} of {len(self.printed)} results differ from golden "
                f"({self.golden_source}); first: vector {first}, "
                f"[{','.join(self.printed[first][:12])}] instead of [{expected}]"
            )
        return reasons + quality_failures(self)

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""
        __tracebackhide__ = True
        raise_failures(self, ", mlperf-tiny")
