"""A run over the link: one execution of an image over vectors, and its verdict."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.board.device_info import DeviceInfo
from harness.image.build import Image
from harness.image.memory_record import MemoryUse
from harness.image.stack_paint import StackUse
from harness.link.messages import Welcome
from harness.link.protocol import InputVia
from harness.measure.agreement import (
    Difference,
    bytes_differing,
    classes,
    first_difference,
    score_differences,
    score_excesses,
    score_limits,
)
from harness.measure.core_clock import ClockBounds
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy.meters.meter_session import Metered
from harness.measure.float_tolerance import settled
from harness.measure.layer_difference import LayerDifference
from harness.measure.number import Number
from harness.measure.quality import chance_of, details_of, quality_of
from harness.measure.subset import Subset
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.vectors import Vectors
from harness.runs.device_under_test import quality_failures, raise_failures
from harness.runs.layer_profile import Profile
from harness.runs.run_display import html_of
from harness.runs.run_numbers import numbers_of
from harness.runs.run_text import described
from harness.target.target_file import Target

if TYPE_CHECKING:
    from pandas import DataFrame

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A device's answers to N vectors.

    `all_outputs` has an array [N, *shape] for each of the model's outputs; `ticks` int64 [N] has
    the length of each inference in the target's unit, instructions or cycles. `all_golden` are the
    expected outputs, and `golden_source` names the program that computed them; `network` is the
    model's graph. `first` is the ticks of the warm-up inference; `memory` is the image's use of
    flash and RAM.
    `looks` int64 [N] is how often the debugger read memory during each inference; over a serial
    line, it never does.
    Times are in seconds: `wall` for all these vectors, `inference` for the part in which the host
    waited for results. `retries` counts repeated requests. `input_choice` is
    the reason for `input_via`, if the harness chose it.
    `divergence` is the first layer that differs from golden, if outputs differ. `profile` has the
    ticks of each layer for vector 0, if they were requested. `estimate` has the cycles of vector
    0, `stack` the deepest use of the stack since the start. For each of these four, a field
    `..._unavailable` has the reason if it is missing. `metered` is the energy, if a meter
    measured it. `unmapped` describes accesses that fault on a chip, if the target file allows them.
    `clock` is the measured clock of the core, if it has one and the firmware's counter can be read.
    `subset` has the numbers of the vectors that ran, if not all of the model's did. `device` is
    which of several equal boards ran. `recoveries` are the attempts to bring back the board when it
    hung; all numbers are of the last attempt. `rounding` is how far rounding moves each score of an
    export, if scores differ.
    """

    target: Target
    model: Model
    network: Graph
    image: Image
    board_version: str
    welcome: Welcome
    vectors: Vectors
    all_golden: tuple[Array, ...]
    golden_source: str
    all_outputs: tuple[Array, ...]
    ticks: npt.NDArray[np.int64]
    stack: StackUse | None
    memory: MemoryUse
    retries: int
    log: tuple[str, ...]
    input_via: InputVia
    looks: npt.NDArray[np.int64]
    wall: float
    inference: float
    input_choice: str = ""
    divergence: LayerDifference | None = None
    divergence_unavailable: str = ""
    first: int | None = None
    profile: Profile | None = None
    profile_unavailable: str = ""
    estimate: Estimate | None = None
    estimate_unavailable: str = ""
    metered: Metered | None = None
    stack_unavailable: str = ""
    unmapped: str = ""
    clock: ClockBounds | None = None
    subset: Subset | None = None
    device: DeviceInfo | None = None
    recoveries: tuple[str, ...] = ()
    rounding: tuple[Array, ...] | None = None

    def __repr__(self) -> str:
        return f"<Run of {described(self)}>"

    def _repr_html_(self) -> str:
        return html_of(self)

    @property
    def passed(self) -> bool:
        """Whether the model passes on this target: `failures` has no reason."""
        return not self.failures()

    @cached_property
    def numbers(self) -> Mapping[str, Number]:
        """All numbers of the run by name, as in its Record: value, unit and kind."""
        return numbers_of(self)

    def to_frame(self) -> "DataFrame":
        """Return a pandas table with a row for each vector; the index is the vector's number.

        The columns: `label`, the `answer` of the device and that of `golden`, if there are labels;
        `differing` bytes; `instructions` or `cycles`; and `latency` in seconds if the clock of a
        board is known. An answer is a class, a real value, or the score that the metric compares.
        """
        from harness.runs.run_frame import frame_of  # noqa: PLC0415 - pandas

        return frame_of(self)

    def number(self, index: int) -> int:
        """Return the number of the vector at `index` in the model's file."""
        return index if self.subset is None else self.subset.vectors[index]

    @property
    def outputs(self) -> Array:
        """The device's values of the model's first output, [N, *shape]."""
        return self.all_outputs[0]

    @property
    def golden(self) -> Array:
        """Golden's values of the model's first output, [N, *shape]."""
        return self.all_golden[0]

    @cached_property
    def quality(self) -> float:
        """The model's metric for the device's answers."""
        agreement = self.model.metric == "agreement"
        return self._quality_of(self.settled_outputs if agreement else self.all_outputs)

    @cached_property
    def golden_quality(self) -> float:
        """The model's metric for golden's outputs."""
        return self._quality_of(self.all_golden)

    def _quality_of(self, outputs: tuple[Array, ...]) -> float:
        metric = self.model.metric
        return quality_of(metric, self.vectors, outputs, self.all_golden, self.network)

    @cached_property
    def chance(self) -> float | None:
        """The metric that guesses may reach on these vectors; None if nobody can guess."""
        return chance_of(self.model.metric, self.vectors, self.network)

    @cached_property
    def quality_details(self) -> Mapping[str, float]:
        """The numbers that belong beside the metric: see `metric.DETAILS`."""
        return details_of(self.model.metric, self.vectors, self.outputs, self.network)

    @cached_property
    def settled_outputs(self) -> tuple[Array, ...]:
        """All outputs; floats that count as equal to golden's have golden's bits."""
        if self.model.export is not None:
            return tuple(
                np.where(excess == 0.0, theirs, ours)
                for ours, theirs, excess in zip(
                    self.all_outputs, self.all_golden, self.score_excesses, strict=True
                )
            )
        return settled(self.all_outputs, self.all_golden, self.network)

    @cached_property
    def bytes_differing(self) -> int:
        """Bytes of all outputs that differ from golden."""
        return bytes_differing(self.all_outputs, self.all_golden)

    @cached_property
    def first_difference(self) -> Difference | None:
        """The first byte that differs from golden by more than rounding; None if none does."""
        return first_difference(self.settled_outputs, self.all_golden)

    @cached_property
    def score_differences(self) -> npt.NDArray[np.float64]:
        """The differences of an export's scores from golden, [N]."""
        return score_differences(self.all_outputs, self.all_golden)

    @cached_property
    def score_excesses(self) -> list[Array]:
        """By how much the scores of an export are farther from golden than rounding explains."""
        limits = score_limits(self.all_golden, self.rounding)
        return score_excesses(self.all_outputs, self.all_golden, limits)

    @cached_property
    def classes_differing(self) -> npt.NDArray[np.int64]:
        """The indices of vectors for which an export gives another class than golden."""
        if not self.model.classes:
            return np.zeros(0, np.int64)
        threshold = 0.0 if self.model.export is None else self.model.export.threshold
        ours, theirs = (classes(scores, threshold) for scores in (self.outputs, self.golden))
        return np.flatnonzero(ours != theirs)

    def failures(self) -> list[str]:
        """Return why the model fails on this target; empty if it passes."""
        reasons = self._byte_failures() if self.model.export is None else self._score_failures()
        reasons += quality_failures(self)
        if self.stack is not None and self.stack.used >= self.stack.reserved:
            reasons.append(
                f"all {self.stack.reserved:,} bytes of the stack were used: it may "
                "have overflowed; `stack` in the target file sets its size"
            )
        return reasons

    def _byte_failures(self) -> list[str]:
        """Return where bytes differ from golden's."""
        reasons = []
        if self.first_difference is not None:
            index, output, value, ours, theirs = self.first_difference
            vector = self.number(index)
            which = f"output {output}, " if len(self.all_outputs) > 1 else ""
            unit = "byte" if self.all_outputs[output].itemsize == 1 else "value"
            total = sum(output.nbytes for output in self.all_outputs)
            reasons.append(
                f"{self.bytes_differing} of {total} output bytes differ from golden "
                f"({self.golden_source}); first: vector {vector}, {which}{unit} {value}, "
                f"{ours} instead of {theirs}"
            )
            if self.divergence is not None:
                reasons.append(str(self.divergence))
            elif self.divergence_unavailable:
                reasons.append(f"the layer cannot be named: {self.divergence_unavailable}")
        return reasons

    def _score_failures(self) -> list[str]:
        """Return where an export's answers differ from golden's by more than rounding."""
        beyond = [excess.reshape(len(excess), -1).max(axis=1) for excess in self.score_excesses]
        wrong = np.flatnonzero(np.max(beyond, axis=0))
        if not wrong.size:
            return []
        first = wrong[0]
        output = next(index for index, excess in enumerate(beyond) if excess[first])
        value = int(self.score_excesses[output][first].argmax())
        ours, theirs = (
            outputs[output][first].ravel()[value] for outputs in (self.all_outputs, self.all_golden)
        )
        limit = score_limits(self.all_golden, self.rounding)[output][first].ravel()[value]
        name = self.network.output_tensors[output].name
        text = (
            f"{wrong.size} of {len(self.vectors)} vectors differ from golden "
            f"({self.golden_source}) by more than rounding explains; first: vector "
            f"{self.number(first)}, {name}, value {value}: {ours:.6g} instead of {theirs:.6g}, "
            f"and rounding moves it by at most {limit:.2g}"
        )
        if self.rounding is None:
            text += ", as far as is known without the export's sources"
        different = np.intersect1d(wrong, self.classes_differing)
        if different.size:
            ours, theirs = (scores[different[0]].ravel() for scores in (self.outputs, self.golden))
            text += (
                f"; {different.size} have a different class, first: vector "
                f"{self.number(different[0])}, {self._named(ours)} instead of {self._named(theirs)}"
            )
        return [text]

    def _named(self, scores: Array) -> str:
        best = int(scores.argmax())
        return f"{self.model.classes[best]} {scores[best]:.4f}"

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""
        __tracebackhide__ = True
        raise_failures(self)
