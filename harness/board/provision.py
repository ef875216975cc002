"""Boards: targets that are started.

pyOCD loads the plugin of the virtual boards, which is in this package, while it is itself
being imported, and a virtual board's process imports it at start: so nothing is imported
here until a board is provisioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from harness.board.board_options import BoardOptions
    from harness.image.build import Image
    from harness.link.channel import Channel
    from harness.support.progress import Progress
    from harness.target.target_file import Target

__all__ = ["Board", "provision"]


class Board(Protocol):
    """A target that runs images. Whoever provisions it calls `close` in the end."""

    @property
    def version(self) -> str:
        """What the image runs on: the emulator and its version, or the board's probe."""

    def start(self, image: Image) -> Channel:
        """Put `image` on the board, start it from reset, and return its serial line.

        RAM that is the image's `stack` is painted before.
        """

    def stop(self) -> None:
        """Stop what was started; stopping twice is no error."""

    def close(self) -> None:
        """Give everything back, also what outlives a single start."""

    def check(self) -> None:
        """Raise `InfrastructureError` if the board cannot answer any more."""

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes of RAM at `address`, while the firmware waits, and let it wait on."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Put `data` into RAM at `address` while the firmware waits, and let it wait on.

        It is there when this returns. Raises `InfrastructureError` if the board cannot do
        that, but not every debug side notices; that it worked is for the device to say.
        """

    def executed(self) -> int | None:
        """Return how many instructions the core has executed; None if the board cannot tell."""

    def diagnosis(self) -> str:
        """What the board has to say about a failure; empty if nothing."""


def provision(target: Target, logs: Path, progress: Progress, options: BoardOptions) -> Board:
    """Return the board of `target`; what an emulator says goes to a file in `logs`."""
    from harness.target.target_file import Pyocd, Qemu, Renode  # noqa: PLC0415

    board = target.board
    if isinstance(board, Qemu):
        from harness.board.qemu import QemuBoard  # noqa: PLC0415

        return QemuBoard(target, board, logs)
    if isinstance(board, Renode):
        from harness.board.renode.renode_board import RenodeBoard  # noqa: PLC0415

        return RenodeBoard(target, board, logs, options.renode)
    if isinstance(board, Pyocd):
        from harness.board.pyocd.pyocd_board import PyocdBoard  # noqa: PLC0415

        return PyocdBoard(target, options.of_board(board), progress, options.lock_timeout)
    from harness.board.simulated import SimulatedBoard  # noqa: PLC0415

    return SimulatedBoard(target, board, progress, options)
