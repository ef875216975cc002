"""The memory of a board during a session, which remembers that an access has failed."""

from collections.abc import Iterator
from contextlib import contextmanager

from harness.board.board import Board
from harness.errors import InfrastructureError


class SessionMemory:
    """The memory of `board`; `failed` is whether an access has failed."""

    def __init__(self, board: Board) -> None:
        self.failed = False
        self._board = board

    def read(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`; raises what the board raises."""
        with self._noticed():
            return self._board.read_memory(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Write `data` at `address`; raises what the board raises."""
        with self._noticed():
            self._board.write_memory(address, data)

    @contextmanager
    def _noticed(self) -> Iterator[None]:
        try:
            yield
        except InfrastructureError:
            self.failed = True
            raise
