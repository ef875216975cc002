"""Virtual boards: a board that is a process of ours, driven as any board behind a probe."""

from importlib.metadata import version as package_version

from harness.board.board_options import BoardOptions
from harness.board.pyocd.pyocd_board import PyocdBoard
from harness.simulator.board_process import VirtualBoard
from harness.support.progress import Progress
from harness.target.target_file import Pyocd, Target, Virtual


class SimulatedBoard(PyocdBoard):
    """A virtual board that lives from its provision until it is closed."""

    def __init__(
        self, target: Target, virtual: Virtual, progress: Progress, options: BoardOptions
    ) -> None:
        self.hardware = VirtualBoard.start(
            virtual.chip, uart=virtual.uart or None, boot=virtual.boot, meter=options.meter
        )
        board = Pyocd(
            target=virtual.chip,
            probe=self.hardware.probe_id,
            serial=self.hardware.port,
            chip_id=virtual.chip_id,
        )
        super().__init__(target, board, progress, options.lock_timeout)

    @property
    def version(self) -> str:
        """The harness and what its core is made of; the probe's id is another each time."""
        return f"virtual {self.hardware.chip}, unicorn {package_version('unicorn')}"

    @property
    def meter(self) -> str:
        """The serial port of the virtual meter in its supply; empty without one."""
        return self.hardware.meter

    def close(self) -> None:
        """Disconnect, and end the board."""
        super().close()
        self.hardware.stop()
