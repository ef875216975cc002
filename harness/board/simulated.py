"""Virtual boards: the harness's own simulator process, driven like any board behind a probe."""

from importlib.metadata import version as package_version

from harness.board.board_options import BoardOptions
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.board.pyocd.virtual_side import OtherUart
from harness.board.ways_back import WayBack
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.target_file import Pyocd, Target, Virtual


class SimulatedBoard(PyocdBoard):
    """A virtual board; its process, `hardware`, runs until the board is closed."""

    def __init__(
        self,
        target: Target,
        virtual: Virtual,
        hardware: VirtualBoard,
        progress: Progress,
        options: BoardOptions,
    ) -> None:
        self.hardware = hardware
        board = Pyocd(
            target=virtual.chip,
            probe=self.hardware.probe_id,
            serial=self.hardware.port,
            chip_id=virtual.chip_id,
        )
        super().__init__(
            target, board, progress, options.lock_timeout, activity=self.hardware.activity
        )

    @property
    def version(self) -> str:
        """The chip and the version of unicorn; the probe's id changes with every start."""
        return f"virtual {self.hardware.chip}, unicorn {package_version('unicorn')}"

    @property
    def meter(self) -> str:
        """The serial port of the virtual meter; empty if there is no meter."""
        return self.hardware.meter

    def _remedy_of(self, other: OtherUart) -> str:
        return (
            f'write board.uart = "{other.sends[0]}" in {self._target.path}, or have the firmware '
            f"send on {other.port}"
        )

    def ways_back(self) -> tuple[WayBack, ...]:
        """None: a simulator that is started again does the same."""
        return ()

    def close(self) -> None:
        """Disconnect, and end the board's process."""
        super().close()
        self.hardware.stop()
