"""Boards: targets that are started."""

from pathlib import Path
from typing import Protocol

from harness.board.qemu import QemuBoard
from harness.image import Image
from harness.link.channel import Channel
from harness.target import Target

__all__ = ["Board", "provision"]


class Board(Protocol):
    """A target that runs images. Whoever provisions it calls `stop` in the end."""

    @property
    def version(self) -> str:
        """What the image runs on: the emulator and its version, or the board's probe."""

    def start(self, image: Image) -> Channel:
        """Put `image` on the board, start it from reset, and return its serial line."""

    def stop(self) -> None:
        """Stop what was started; stopping twice is no error."""

    def diagnosis(self) -> str:
        """What the board has to say about a failure; empty if nothing."""


def provision(target: Target, logs: Path) -> Board:
    """Return the board of `target`; what it says goes to a file in `logs`."""
    return QemuBoard(target, target.board, logs)
