"""A run over MLPerf Tiny's protocol, and what it is judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import Verdict
from harness.image.build import Image
from harness.image.memory_use import MemoryUse
from harness.image.prebuilt import ENGINE
from harness.measure.energy.meters.meter_session import Metered
from harness.measure.quality import accuracy, auc, of_recordings, quality_of
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import SHOWN
from harness.model.mlperf_benchmarks import Benchmark, benchmark_of
from harness.model.vectors import Vectors
from harness.runs.mlperf.device_lines import Said
from harness.runs.mlperf.mlperf_client import Identity
from harness.runs.mlperf.runner import Window, matches
from harness.target.target_file import Target

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class MlperfRun:
    """What a device answered to N vectors, and in windows of performance.

    `printed` are the numbers that it printed for each vector, as text; `golden` [N, ...] is what
    the model's output should be, `expected` float [N, values] what that comes to on the line.
    `windows` are empty where none were asked for. `log` has lines that are not of the protocol,
    `transcripts` all that was said for "accuracy" and for "windows". `metered` is the energy of
    each window, where a meter measured. `wall` is in seconds.
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
    transcripts: Mapping[str, Sequence[Said]]
    memory: MemoryUse
    wall: float
    metered: Metered | None = None

    @property
    def built(self) -> bool:
        """Whether the image was built from the model; of others' it is not known what they hold."""
        return self.image.engine != ENGINE

    @property
    def benchmark(self) -> Benchmark | None:
        """The benchmark that the model is for; None if it is another model."""
        return benchmark_of(self.model, self.network)

    @cached_property
    def values(self) -> Array:
        """The numbers that were printed, float [N, values]."""
        return np.array(self.printed, dtype=np.float64)

    @cached_property
    def quality(self) -> float:
        """The model's metric, 0 to 1, of the numbers that were printed."""
        labels = self.vectors.labels
        if self.model.metric == "auc":
            return auc(*of_recordings(self.values[:, 0], labels, self.vectors.recordings))
        if self.network.arg_max is not None:
            return float((self.values[:, 0] == labels).mean())
        return accuracy(self.values, labels)

    @cached_property
    def golden_quality(self) -> float:
        """The model's metric, 0 to 1, of golden's bytes."""
        return quality_of(self.model.metric, self.vectors, self.golden, self.network)

    @cached_property
    def differing(self) -> list[int]:
        """The vectors whose printed results are not golden's, as far as the digits go."""
        pairs = enumerate(zip(self.printed, self.expected, strict=True))
        return [index for index, (printed, right) in pairs if not matches(printed, right)]

    @property
    def throughput(self) -> float | None:
        """Inferences a second, the median of the windows; None where no clock measured.

        An emulator's timer counts instructions, and that is no time.
        """
        timed = [one.throughput for one in self.windows if one.microseconds is not None]
        return median(timed) if timed and self.target.counter.ticks == "cycles" else None

    @property
    def untimed(self) -> str:
        """Why there is no throughput; empty where there is one."""
        if self.throughput is not None:
            return ""
        if not self.windows:
            return "no window was measured"
        if self.target.counter.ticks != "cycles":
            return f"the clock of {self.target.name} counts instructions, which is no time"
        return "the firmware is in energy mode and prints no timestamps"

    def failures(self) -> list[str]:
        """Return why the model is not right on this target; empty if it is.

        Results that are not golden's are a failure of an image that was built from the model. A
        firmware of others may hold the model quantized in another way; it has to be good enough.
        """
        reasons = []
        if self.differing and self.built:
            first = self.differing[0]
            right = ", ".join(f"{value:.4f}" for value in self.expected[first][:12])
            reasons.append(
                f"{len(self.differing)} of {len(self.printed)} results differ from golden "
                f"({self.golden_source}); first: vector {first}, "
                f"[{','.join(self.printed[first][:12])}] instead of [{right}]"
            )
        if self.quality < self.model.quality_target:
            reasons.append(
                f"{SHOWN[self.model.metric]} {self.quality:.4f} is below the quality target "
                f"{self.model.quality_target:g}; golden reaches {self.golden_quality:.4f}"
            )
        return reasons

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""
        __tracebackhide__ = True
        reasons = self.failures()
        if reasons:
            title = f"{self.model.name} on {self.target.name}, mlperf-tiny"
            raise Verdict("\n  ".join([f"{title}:", *reasons]))
