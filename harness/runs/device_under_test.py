"""What every device under test can do, and what every run of one holds."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy.typing as npt

from harness.board.board import Board
from harness.image.build import Image
from harness.image.memory_use import MemoryUse
from harness.measure.energy.meters.meter_session import Metered
from harness.model.folder import Model
from harness.model.vectors import Vectors
from harness.target.target_file import Target

Array = npt.NDArray[Any]


class AnyRun(Protocol):
    """One execution of an image over vectors, over any protocol."""

    @property
    def target(self) -> Target:
        """The target that ran it."""

    @property
    def model(self) -> Model:
        """The model that ran."""

    @property
    def image(self) -> Image:
        """The image that was executed."""

    @property
    def vectors(self) -> Vectors:
        """The vectors that were answered."""

    @property
    def golden_source(self) -> str:
        """What computed the golden outputs."""

    @property
    def board_version(self) -> str:
        """The emulator or probe, with its version."""

    @property
    def memory(self) -> MemoryUse:
        """Where the bytes of the image are."""

    @property
    def metered(self) -> Metered | None:
        """The energy, if a meter measured it."""

    @property
    def retries(self) -> int:
        """Requests that were sent again."""

    @property
    def log(self) -> Sequence[str]:
        """What the firmware logged."""

    @property
    def quality(self) -> float:
        """The model's metric, 0 to 1, of the device's answers."""

    def failures(self) -> list[str]:
        """Return why the model is not right on this target; empty if it is right."""

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

    def run(self) -> AnyRun:
        """Run the model on all its vectors.

        Every vector is answered, or an `InfrastructureError` is raised. `check` of the run judges
        the answers.
        """
