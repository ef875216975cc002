"""A run: one execution of an image over vectors, and what it is judged by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.board.reach import Feed
from harness.errors import Verdict
from harness.graph import Graph
from harness.image import Image
from harness.link.messages import Welcome
from harness.measure.agreement import bytes_differing, first_difference
from harness.measure.quality import SHOWN, quality_of
from harness.model import Model
from harness.target import Target
from harness.vectors import Vectors


@dataclass(frozen=True, eq=False)
class Run:
    """What a device answered to N vectors.

    `outputs` is int8 [N, *output shape], `ticks` uint32 [N] what each inference took in the
    target's unit, instructions or cycles, `golden` int8 of the outputs' shape with the name
    of what computed it; `network` is the model's graph. Times are in seconds: `wall` for the
    whole of the vectors, `inference` for the part of it in which the host waited for results.
    """

    target: Target
    model: Model
    network: Graph
    image: Image
    board_version: str
    welcome: Welcome
    vectors: Vectors
    golden: npt.NDArray[np.int8]
    golden_source: str
    outputs: npt.NDArray[np.int8]
    ticks: npt.NDArray[np.uint32]
    stack: int
    retries: int
    log: tuple[str, ...]
    feed: Feed
    wall: float
    inference: float

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
        return bytes_differing(self.outputs, self.golden)

    def failures(self) -> list[str]:
        """Return why the model is not right on this target; empty if it is."""
        reasons = []
        difference = first_difference(self.outputs, self.golden)
        if difference is not None:
            vector, byte, ours, theirs = difference
            reasons.append(
                f"{self.bytes_differing} of {self.outputs.size} output bytes differ from golden "
                f"({self.golden_source}); first: vector {vector}, byte {byte}, "
                f"{ours} instead of {theirs}"
            )
        if self.quality < self.model.floor:
            reasons.append(
                f"{SHOWN[self.model.metric]} {self.quality:.4f} is below the floor "
                f"{self.model.floor:g}; golden reaches {self.golden_quality:.4f}"
            )
        if not self.ticks.all():
            reasons.append(
                f"the counter {self.welcome.counter!r} counted nothing during "
                f"{int((self.ticks == 0).sum())} of {len(self.ticks)} inferences"
            )
        return reasons

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""
        __tracebackhide__ = True
        reasons = self.failures()
        if reasons:
            title = f"{self.model.name} on {self.target.name}"
            raise Verdict("\n  ".join([f"{title}:", *reasons]))
