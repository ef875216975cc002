"""Brings back a board that hangs, and repeats what it did from the start.

The ways go from the mildest to the hardest: reset, reflash, power cycle. After each of them the
image starts again, and the run begins anew, so no numbers come from two attempts. A verdict is
never repeated, nor what a board that answers has said.
"""

from collections.abc import Callable
from typing import TypeVar

from harness.board.board import Board
from harness.errors import HangError, InfrastructureError, InUseError, UnreachableError
from harness.link.device_errors import OverdueError
from harness.runs.health import LostBoardError
from harness.support.progress import Progress

T = TypeVar("T")

_LINE = "\n"


class Recovery:
    """The attempts to bring back `board`, which messages call `name`."""

    def __init__(self, board: Board, name: str, progress: Progress) -> None:
        self._board = board
        self._name = name
        self._progress = progress
        self._attempts: list[str] = []

    def taken(self) -> tuple[str, ...]:
        """Return the attempts since the last call, such as "reset after 'no answer to RUN'"."""
        attempts, self._attempts = tuple(self._attempts), []
        return attempts

    def start(self, action: Callable[[], T]) -> T:
        """The same as `run` for an `action` that starts the image: a reset is nothing new then."""
        return self._run(action, action, starts=True)

    def run(self, action: Callable[[], T], again: Callable[[], T]) -> T:
        """Return the result of `action`, or of `again`, which starts the image first.

        If `action` ends with a `HangError`, each way of the board is tried once, and `again` after
        it, until that succeeds. Without one that does, raises the last error; it is a
        `LostBoardError` if nothing reaches the chip any more.
        """
        return self._run(action, again, starts=False)

    def _run(self, action: Callable[[], T], again: Callable[[], T], *, starts: bool) -> T:
        try:
            return action()
        except HangError as error:
            first: InfrastructureError = error
        failure = first
        tried: list[str] = []
        for way in self._board.ways_back():
            if starts and way.is_start:
                continue
            if isinstance(failure, InUseError):  # another session took it between two starts
                break
            if isinstance(failure, UnreachableError) and way.needs_probe:
                continue
            # A start compares the flash with the image, and then the device began the inference.
            if tried and isinstance(failure, OverdueError) and way.only_writes_flash:
                continue
            tried.append(_attempt(way.name, failure))
            self._progress.say(f"{self._name}: the board hangs; trying: {way.name}")
            try:
                way.prepare()
                result = again()
            except InfrastructureError as error:
                failure = error
            else:
                self._attempts += tried
                self._progress.warn(
                    f"{self._name}: the board hung and came back: {', then '.join(tried)}"
                )
                return result
        if not tried:
            raise first
        raise _lost(first, failure, tried) from failure


def _attempt(way: str, failure: InfrastructureError) -> str:
    reason = failure.what.partition(_LINE)[0]
    return f"{way} after '{reason}'"


def _lost(
    first: InfrastructureError, last: InfrastructureError, tried: list[str]
) -> InfrastructureError:
    """Return the error of a board that no way brought back."""
    kind = LostBoardError if isinstance(last, UnreachableError) else type(first)
    what = f"{first.what}\nthe board does not come back: {', then '.join(tried)}"
    if last.what != first.what:
        what += f"; then '{last.what.partition(_LINE)[0]}'"
    return kind(what, where=first.where, remedy=first.remedy)
