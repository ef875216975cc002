"""A device under test whose work goes on at another place of the farm if its board fails."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import Self, TypeVar

from harness.board.board import Board
from harness.board.provision import provision
from harness.board.shared_board import SharedBoard
from harness.errors import InfrastructureError, UnreachableError
from harness.image.build import Image
from harness.link.device_errors import FirmwareError
from harness.runs.bench import image_for, open_dut
from harness.runs.device_under_test import AnyRun, DeviceUnderTest
from harness.runs.health import LostBoardError
from harness.runs.request import RunRequest

T = TypeVar("T")

MOST_MOVES = 2
"""Boards on which the same work fails are not all defective: then it is the work.

A board that nothing reaches does not count. It says nothing about the work.
"""

_LOST = (LostBoardError, UnreachableError)


class MovableDut:
    """Opens `image` on `board`, and again on another board of the farm if that one fails.

    A verdict never moves. A failed board is left out of the session if another one does its work.
    `health` counts what fails on all boards. Use it as a context manager.
    """

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        self._request, self._image, self._board = request, image, board
        self._stack = ExitStack()
        self._device: DeviceUnderTest | None = None
        self._moves: list[str] = []

    def __enter__(self) -> Self:
        try:
            self._done(lambda device: device, can_move=True)
        except InfrastructureError:
            # It counts. A start that succeeds does not end the row: the run may fail again.
            with self._request.health.watch(self._request.target.name):
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def device(self) -> DeviceUnderTest:
        """The device; it is another one after a move."""
        return self._device or self._opened()

    def do(self, work: Callable[[DeviceUnderTest], T], *, can_move: bool = True) -> T:
        """Return what `work` does with the device; it moves only if it needs no earlier work."""
        with self._request.health.watch(self._request.target.name):
            return self._done(work, can_move=can_move)

    def run(self) -> AnyRun:
        """Run the model on its vectors; then `take_moves` returns why boards were left."""
        return self.do(lambda device: device.run())

    def infer(self, work: Callable[[DeviceUnderTest], T]) -> T:
        """Return the inference that `work` does; another board has not the state of the model."""
        return self.do(work, can_move=not self._request.model.graph.variables)

    def take_moves(self) -> list[str]:
        """Return why boards were left since the last call of this function."""
        moves, self._moves = self._moves, []
        return moves

    def _done(self, work: Callable[[DeviceUnderTest], T], *, can_move: bool) -> T:
        left: dict[str, InfrastructureError] = {}
        while True:
            try:
                result = work(self.device)
            except InfrastructureError as error:
                _name_place(error, self._place)
                if can_move and _failed_at(left) < MOST_MOVES and self._leave(error, left):
                    continue
                self._take_back(left)
                self._note_failed(left | {self._place: error})
                errors = [*left.values(), error]
                # The target is set aside for a lost board only if all of them are lost.
                raise next((e for e in errors if not isinstance(e, _LOST)), errors[0]) from error
            self._note_failed(left, self._place)
            self._note(left)
            return result

    def _leave(self, error: InfrastructureError, left: dict[str, InfrastructureError]) -> bool:
        """Leave the board because of `error`, if there is another one; add it to `left`."""
        board = self._board
        if isinstance(error, FirmwareError):  # the board works: the firmware says so itself
            return False
        if self._request.metering.spec:  # the meter measures the board that it is connected to
            return False
        if not isinstance(board, SharedBoard) or not (info := board.device):
            return False
        if not board.leave(_first_line(error)):
            return False
        left[info.place] = error
        self._device = None
        self._stack.close()
        return True

    def _take_back(self, left: dict[str, InfrastructureError]) -> None:
        """Use the boards again that can be reached: no other one has done their work."""
        if left and isinstance(self._board, SharedBoard):
            for place, error in left.items():
                if not isinstance(error, _LOST):
                    self._board.take_back(place)
            self._request.progress.warn(
                f"{self._request.title}: no other place could do it after "
                + "; ".join(f"{place}: {_first_line(error)}" for place, error in left.items())
            )

    @property
    def _place(self) -> str:
        """The place that the board has or had last; empty if it is not in a farm."""
        return self._board.device.place if self._board.device else ""

    def _note_failed(self, at: Mapping[str, InfrastructureError], moved_to: str = "") -> None:
        """Note that the work failed `at` these places."""
        for place, error in at.items():
            self._request.failed(self._request, error, place, moved_to)

    def _note(self, left: Mapping[str, InfrastructureError]) -> None:
        """Say, and keep for the Record, that another board has done the work."""
        for place, error in left.items():
            why = f"{_first_line(error)}; its work moved to {self._place}"
            self._moves.append(f"the place {place} failed: {why}")
            self._request.progress.warn(f"the place {place} is left out of this session: {why}")

    def _opened(self) -> DeviceUnderTest:
        opened = open_dut(self._request, self._image, self._board)
        self._device = self._stack.enter_context(opened)
        return self._device


@contextmanager
def movable_bench(request: RunRequest) -> Iterator[MovableDut]:
    """Build the image, provision the board and open it; release everything at the end.

    Raises the errors of `image_for` and `provision`, those of the device, and `SetAsideError` if
    the board failed too often before.
    """
    health, name = request.health, request.target.name
    with ExitStack() as stack:
        try:
            health.check(name)
            image = image_for(request)
            board = _provisioned(request)
        except InfrastructureError as error:
            request.failed(request, error)
            raise
        stack.enter_context(closing(board))
        yield stack.enter_context(MovableDut(request, image, board))


def _provisioned(request: RunRequest) -> Board:
    logs, progress = request.workspace.logs, request.progress
    try:
        return provision(request.target, logs, progress, request.board_options)
    except InfrastructureError as error:
        request.health.failed(request.target.name, error)
        raise


def _failed_at(left: Mapping[str, InfrastructureError]) -> int:
    """Return how many of the boards have failed at the work itself."""
    return sum(not isinstance(error, _LOST) for error in left.values())


def _name_place(error: InfrastructureError, place: str) -> None:
    """Say in `error` at which place it was, which tags do not tell."""
    where = f"place {place}"
    if place and not error.where.startswith(where):
        error.where = f"{where}: {error.where}" if error.where else where


def _first_line(error: InfrastructureError) -> str:
    return error.what.partition("\n")[0]
