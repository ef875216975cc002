"""The device under test of the fixture `dut`: it records each run."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from harness.board.board import Board
from harness.image.build import Image
from harness.model.folder import Model
from harness.runs.device_under_test import AnyRun, DeviceUnderTest
from harness.runs.movable_dut import MovableDut
from harness.target.target_file import Target


class RecordedDut:
    """A device under test; it passes each run to `record` before the test gets the run.

    `record` also gets why the run moved to another board.
    """

    def __init__(self, movable: MovableDut, record: Callable[[AnyRun, list[str]], object]) -> None:
        self._movable = movable
        self._record = record

    @property
    def device(self) -> DeviceUnderTest:
        """The device itself."""
        return self._movable.device

    @property
    def target(self) -> Target:
        """The target."""
        return self.device.target

    @property
    def model(self) -> Model:
        """The model that runs on the target."""
        return self.device.model

    @property
    def image(self) -> Image:
        """The flashed firmware image."""
        return self.device.image

    @property
    def board(self) -> Board:
        """The board that runs the image."""
        return self.device.board

    def infer(self, *inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the model's first output for one vector, given as an array for each input.

        Raises `InputError` if the number of inputs, a dtype or a number of values is wrong.
        """
        return self._movable.infer(lambda device: device.infer(*inputs))

    def infer_all(self, *inputs: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        """Return all outputs of the model for one vector; see `infer`."""
        return self._movable.infer(lambda device: device.infer_all(*inputs))

    def reset(self) -> None:
        """Set the state that the model keeps between calls of `infer` to its initial value."""
        self._movable.do(lambda device: device.reset())

    def run(self) -> Any:
        """Run the model on its vectors, write the Record, and return the run.

        The run is a `harness.Run`, or a `MlperfRun` with `--protocol=mlperf-tiny`. Every vector
        is answered, or an `InfrastructureError` is raised and nothing is recorded.
        """
        run = self._movable.do(lambda device: device.run())
        self._record(run, self._movable.take_moves())
        return run
