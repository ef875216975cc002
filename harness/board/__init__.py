"""Boards: targets that are started."""

from pathlib import Path
from typing import Protocol

import msgspec

from harness.board.qemu import QemuBoard
from harness.board.reach import Reach
from harness.image import Image
from harness.link.channel import Channel
from harness.progress import Progress
from harness.target import Pyocd, Qemu, Target

__all__ = ["Board", "provision"]


class Board(Protocol):
    """A target that runs images. Whoever provisions it calls `close` in the end."""

    @property
    def version(self) -> str:
        """What the image runs on: the emulator and its version, or the board's probe."""

    def start(self, image: Image) -> Channel:
        """Put `image` on the board, start it from reset, and return its serial line."""

    def stop(self) -> None:
        """Stop what was started; stopping twice is no error."""

    def close(self) -> None:
        """Give everything back, also what outlives a single start."""

    def check(self) -> None:
        """Raise `InfrastructureError` if the board cannot answer any more."""

    def diagnosis(self) -> str:
        """What the board has to say about a failure; empty if nothing."""


def provision(target: Target, logs: Path, progress: Progress, reach: Reach) -> Board:
    """Return the board of `target`; what an emulator says goes to a file in `logs`."""
    board = target.board
    if isinstance(board, Qemu):
        return QemuBoard(target, board, logs)
    # Imported late: pyOCD takes half a second, which an emulator's user should not wait for.
    if isinstance(board, Pyocd):
        from harness.board.pyocd import PyocdBoard  # noqa: PLC0415

        board = msgspec.structs.replace(
            board, probe=reach.probe or board.probe, serial=reach.serial or board.serial
        )
        return PyocdBoard(target, board, progress, reach.wait)
    from harness.board.simulated import SimulatedBoard  # noqa: PLC0415

    return SimulatedBoard(target, board, progress, reach.wait)
