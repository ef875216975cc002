"""What the counter of a started board counts, if the board itself tells it."""

from typing import Protocol, runtime_checkable

import msgspec

from harness.board.board import Board
from harness.target.target_file import Counter, Target


@runtime_checkable
class TellsItsCounter(Protocol):
    """A board whose counter may count instructions, and that knows it."""

    @property
    def counts_instructions(self) -> bool:
        """Whether it is a simulator, whose counter counts instructions."""


def as_counted(target: Target, board: Board) -> Target:
    """Return `target` with the unit of ticks that the started `board` counts.

    A target of a real board, or of a chip, has cycles, as silicon counts them. A simulator of it
    counts instructions.
    """
    if isinstance(board, TellsItsCounter) and board.counts_instructions:
        return msgspec.structs.replace(target, counter=Counter("instructions"))
    return target
