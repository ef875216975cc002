"""The common parts of all devices under test, and of all runs."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy.typing as npt

from harness.board.board import Board
from harness.board.device_info import DeviceInfo
from harness.errors import Verdict
from harness.golden import oracle
from harness.image.build import Image
from harness.image.memory_record import MemoryUse
from harness.measure.energy.meters.meter_session import Metered, MeterSession
from harness.measure.subset import Subset
from harness.model.folder import Model
from harness.model.graph import Graph
from harness.model.metric import BETTER, SHOWN, reached, shown_detections, shown_quality, with_unit
from harness.model.vectors import Vectors
from harness.runs.recovery import Recovery
from harness.runs.request import RunRequest
from harness.support.shown import shown
from harness.target.target_file import Target

Array = npt.NDArray[Any]


class AnyRun(Protocol):
    """One execution of an image over vectors, over any protocol."""

    @property
    def target(self) -> Target:
        """The target."""

    @property
    def model(self) -> Model:
        """The model."""

    @property
    def image(self) -> Image:
        """The executed image."""

    @property
    def vectors(self) -> Vectors:
        """The vectors that were answered."""

    @property
    def subset(self) -> Subset | None:
        """Which of the model's vectors these are; None if they are all."""

    @property
    def golden_source(self) -> str:
        """Name of the program that computed the golden outputs."""

    @property
    def board_version(self) -> str:
        """The emulator or probe, with its version."""

    @property
    def device(self) -> DeviceInfo | None:
        """Which of several equal boards ran; None if there is only one."""

    @property
    def memory(self) -> MemoryUse:
        """The image's use of flash and RAM."""

    @property
    def metered(self) -> Metered | None:
        """The energy, if a meter measured it."""

    @property
    def retries(self) -> int:
        """The number of repeated requests."""

    @property
    def recoveries(self) -> tuple[str, ...]:
        """The attempts to bring back the board when it hung."""

    @property
    def log(self) -> Sequence[str]:
        """The firmware's log messages."""

    @property
    def quality(self) -> float:
        """The model's metric for the device's answers."""

    @property
    def golden_quality(self) -> float:
        """The model's metric for golden's outputs."""

    @property
    def chance(self) -> float | None:
        """The metric that guesses may reach on these vectors; None if nobody can guess."""

    @property
    def quality_details(self) -> Mapping[str, float]:
        """The numbers that belong beside the metric: see `metric.DETAILS`."""

    def failures(self) -> list[str]:
        """Return why the model fails on this target; empty if it passes."""

    def check(self) -> None:
        """Raise `Verdict` with all of `failures`, if there are any."""


class DeviceUnderTest(Protocol):
    """A board that runs an image and answers."""

    target: Target
    model: Model
    image: Image
    board: Board

    def infer(self, *inputs: Array) -> Array:
        """Return the model's first output for one vector."""

    def infer_all(self, *inputs: Array) -> tuple[Array, ...]:
        """Return all outputs of the model for one vector."""

    def reset(self) -> None:
        """Set the state that the model keeps between inferences to its initial value."""

    def run(self) -> AnyRun:
        """Run the model on its vectors, or on those that the request chooses.

        Every one of them is answered, or an `InfrastructureError` is raised. The run's `check`
        judges the answers. If the board hangs and comes back, the run begins anew.
        """


class BoardUnderTest:
    """The part of a device under test that does not depend on the protocol.

    `image` runs on `board`, which was provisioned for `request`; `network` is the model's graph.
    """

    def __init__(self, request: RunRequest, image: Image, board: Board, network: Graph) -> None:
        self.target = request.target
        self.model = request.model
        self.image = image
        self.board = board
        self._request = request
        self._network = network
        self._recovery = Recovery(board, request.target.name, request.progress)

    def _golden(self, vectors: Vectors) -> tuple[tuple[Array, ...], str]:
        """Check the model; return golden's outputs for `vectors`, and their source."""
        self.model.check(self._network)
        with self._request.progress.step(f"reading the golden outputs of {self.model.name}"):
            return oracle.of_model(
                self.model,
                vectors,
                self._request.workspace.golden,
                self._request.progress.say,
                self._request.progress.warn,
            )

    def _rounding(self, vectors: Vectors) -> tuple[Array, ...] | None:
        """Return how far rounding moves golden's scores of an export; None if it is unknown."""
        with self._request.progress.step(f"rounding the samples of {self.model.name} otherwise"):
            return oracle.rounding_of(self.model, vectors, self._request.workspace.golden)

    def _meter_session(self) -> MeterSession | None:
        """Return a session with the requested meter; None if no meter was requested."""
        metering = self._request.metering
        meter = metering.meter_of(self.board)
        return MeterSession(meter, metering.note) if meter else None


def quality_failures(run: AnyRun) -> list[str]:
    """Return the failure of a run whose quality misses its target; otherwise empty.

    The target is that of all vectors: if golden misses it on a subset, too, the subset is harder.
    """
    model = run.model
    metric, target = model.metric, model.quality_target
    if reached(metric, run.quality, target):
        return []
    if run.subset is not None and not reached(metric, run.golden_quality, target):
        return []
    side = "below" if BETTER[metric] == "higher" else "above"
    quality, golden = (
        shown_quality(metric, value, model.unit) for value in (run.quality, run.golden_quality)
    )
    goal = with_unit(f"{target:g}", model.unit)
    failure = f"{SHOWN[metric]} {quality} is {side} the quality target {goal}"
    if metric == "detection_errors":
        failure = f"{shown_detections(**run.quality_details)}: more than {goal} of either"
    # Golden agrees with itself.
    return [failure if metric == "agreement" else f"{failure}; golden reaches {golden}"]


def raise_failures(run: AnyRun, protocol: str = "") -> None:
    """Raise `Verdict` with all failures of `run`, if there are any."""
    __tracebackhide__ = True
    reasons = run.failures()
    if reasons:
        title = f"{run.model.name} on {run.target.name}{protocol}"
        raise Verdict(shown("\n  ".join([f"{title}:", *reasons])))
