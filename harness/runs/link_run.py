"""A run: one execution of an image over vectors, and what it is judged by."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import Verdict
from harness.image.build import Image
from harness.image.memory_use import MemoryUse
from harness.image.stack_paint import StackUse
from harness.link.messages import Welcome
from harness.link.protocol import InputVia
from harness.measure.agreement import (
    TOLERANCE,
    Difference,
    bytes_differing,
    classes,
    first_difference,
    score_differences,
)
from harness.measure.cycles.estimate import Estimate
from harness.measure.energy.meters.meter_session import Metered
from harness.measure.layer_difference import LayerDifference
from harness.measure.quality import quality_of
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import SHOWN
from harness.model.vectors import Vectors
from harness.runs.layer_profile import Profile
from harness.target.target_file import Target

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Run:
    """What a device answered to N vectors.

    `all_outputs` has an array [N, *shape] for each of the model's outputs, `ticks` uint32 [N]
    what each inference took in the target's unit, instructions or cycles, `all_golden` what
    the outputs should be with the name of what computed it; `network` is the model's graph.
    `first` is what the inference took that warmed the device up, before the others; `memory` where
    the bytes of the image are.
    Times are in seconds: `wall` for all vectors, `inference` for the part of it in which the host
    waited for results. `retries` are requests that were sent again.
    `divergence` is the first layer that differs from golden, if outputs differ. `profile` has the
    ticks of each layer for vector 0, if they were asked for. `estimate` has the cycles of vector
    0, `stack` the deepest use of the stack since the start. For each of these four there is a
    field `..._unavailable` that says why it is missing. `metered` is the energy, if a meter
    measured it.
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
    ticks: npt.NDArray[np.uint32]
    stack: StackUse | None
    memory: MemoryUse
    retries: int
    log: tuple[str, ...]
    input_via: InputVia
    wall: float
    inference: float
    divergence: LayerDifference | None = None
    divergence_unavailable: str = ""
    first: int | None = None
    profile: Profile | None = None
    profile_unavailable: str = ""
    estimate: Estimate | None = None
    estimate_unavailable: str = ""
    metered: Metered | None = None
    stack_unavailable: str = ""

    @property
    def outputs(self) -> Array:
        """What the device answered; of a model with several outputs, the first."""
        return self.all_outputs[0]

    @property
    def golden(self) -> Array:
        """What golden answers; of a model with several outputs, the first."""
        return self.all_golden[0]

    @cached_property
    def quality(self) -> float:
        """The model's metric, 0 to 1, of what the device answered."""
        return quality_of(self.model.metric, self.vectors, self.outputs, self.network)

    @cached_property
    def golden_quality(self) -> float:
        """The model's metric, 0 to 1, of what golden answers."""
        return quality_of(self.model.metric, self.vectors, self.golden, self.network)

    @cached_property
    def bytes_differing(self) -> int:
        """Bytes of all outputs that differ from golden."""
        return bytes_differing(self.all_outputs, self.all_golden)

    @cached_property
    def first_difference(self) -> Difference | None:
        """The first byte that differs from golden, if one does."""
        return first_difference(self.all_outputs, self.all_golden)

    @cached_property
    def score_differences(self) -> npt.NDArray[np.float64]:
        """How far each vector's scores are from golden, of an export: see `agreement`; [N]."""
        return score_differences(self.all_outputs, self.all_golden)

    @cached_property
    def classes_differing(self) -> npt.NDArray[np.int64]:
        """The vectors of an export that are of another class than golden's."""
        threshold = 0.0 if self.model.export is None else self.model.export.threshold
        ours, theirs = (classes(scores, threshold) for scores in (self.outputs, self.golden))
        return np.flatnonzero(ours != theirs)

    def failures(self) -> list[str]:
        """Return why the model is not right on this target; empty if it is."""
        reasons = self._disagreement() if self.model.export is None else self._scores_disagree()
        if self.quality < self.model.quality_target:
            reasons.append(
                f"{SHOWN[self.model.metric]} {self.quality:.4f} is below the quality target "
                f"{self.model.quality_target:g}; golden reaches {self.golden_quality:.4f}"
            )
        if self.stack is not None and self.stack.used >= self.stack.reserved:
            reasons.append(
                f"the stack is used to the last of its {self.stack.reserved:,} bytes: it may "
                "have overflowed; `stack` in the target file sets its size"
            )
        return reasons

    def _disagreement(self) -> list[str]:
        """Return where bytes differ from golden's."""
        reasons = []
        if self.first_difference is not None:
            vector, output, value, ours, theirs = self.first_difference
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

    def _scores_disagree(self) -> list[str]:
        """Return where an export's scores are further from golden's than rounding explains."""
        reasons = []
        wrong = self.classes_differing
        if wrong.size:
            ours, theirs = (scores[wrong[0]].ravel() for scores in (self.outputs, self.golden))
            reasons.append(
                f"{wrong.size} of {len(self.vectors)} vectors are of another class than golden's "
                f"({self.golden_source}); first: vector {wrong[0]}, "
                f"{self._named(ours)} instead of {self._named(theirs)}"
            )
        far = self.score_differences
        if far.max() > TOLERANCE:
            reasons.append(
                f"scores are up to {far.max():.4f} from golden's ({self.golden_source}), and "
                f"{TOLERANCE:g} may be rounding; most in vector {far.argmax()}"
            )
        return reasons

    def _named(self, scores: Array) -> str:
        best = int(scores.argmax())
        return f"{self.model.classes[best]} {scores[best]:.4f}"

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""
        __tracebackhide__ = True
        reasons = self.failures()
        if reasons:
            title = f"{self.model.name} on {self.target.name}"
            raise Verdict("\n  ".join([f"{title}:", *reasons]))
