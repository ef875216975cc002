"""What every board can do, real or emulated."""

from typing import Protocol

from harness.image.build import Image
from harness.link.channel import Channel


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
