"""Work moves from a board that fails to another one; a verdict, and what fails anywhere, do not."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from harness.board.device_info import DeviceInfo
from harness.errors import InfrastructureError, UnreachableError, Verdict
from harness.link.device_errors import DeviceFaultError
from harness.runs import movable_dut
from harness.runs.health import LIMIT, Health, LostBoardError
from harness.runs.movable_dut import MovableDut
from harness.support.progress import Progress


class FarmBoard:
    """A board with several places; those in `broken` fail at the start."""

    def __init__(self, places: Sequence[str], broken: Sequence[str] = ()) -> None:
        self.places, self.broken = list(places), broken
        self.left: list[str] = []
        self.device: DeviceInfo | None = None

    def start(self) -> None:
        self.device = DeviceInfo(next(each for each in self.places if each not in self.left))
        if self.device.place in self.broken:
            raise InfrastructureError(f"{self.device.place} is broken\nand more")

    def free_places(self) -> int:
        return len(self.places) - len(self.left)

    def leave(self, why: str) -> bool:
        assert self.device is not None
        if self.free_places() < 2:
            return False
        self.left.append(self.device.place)
        return True

    def take_back(self, place: str) -> None:
        self.left.remove(place)


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def noted() -> list[tuple[Any, ...]]:
    """What is noted of failed runs: the error, its place, and where the work moved to."""
    return []


@pytest.fixture
def movable(
    said: io.StringIO, noted: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., MovableDut]:
    @contextmanager
    def opened(request: Any, image: Any, board: Any) -> Iterator[Any]:
        board.start()
        yield SimpleNamespace(board=board)

    monkeypatch.setattr(movable_dut, "open_dut", opened)

    def make(board: object, *, variables: Sequence[str] = (), meter: str = "") -> MovableDut:
        request: Any = SimpleNamespace(
            target=SimpleNamespace(name="mine"),
            model=SimpleNamespace(graph=SimpleNamespace(variables=variables)),
            metering=SimpleNamespace(spec=meter),
            title="digits on mine",
            health=Health(),
            progress=Progress(said),
            failed=lambda request, *failure: noted.append(failure),
        )
        image: Any = None
        return MovableDut(request, image, board)  # type: ignore[arg-type]

    return make


def place_of(device: Any) -> str:
    return str(device.board.device.place)


def failing(*places: str, error: type[Exception] = InfrastructureError) -> Callable[[Any], str]:
    def work(device: Any) -> str:
        if place_of(device) in places:
            raise error(f"{place_of(device)} hangs")
        return place_of(device)

    return work


def test_a_board_that_does_not_start_is_left(
    movable: Any, said: io.StringIO, noted: list[tuple[Any, ...]]
) -> None:
    board = FarmBoard("abc", broken="a")
    with movable(board) as dut:
        assert dut.do(place_of) == "b"
        assert dut.take_moves() == ["the place a failed: a is broken; its work moved to b"]
        assert dut.take_moves() == []
    assert board.left == ["a"]
    ((error, *places),) = noted
    assert (error.what, *places) == ("a is broken\nand more", "a", "b")
    assert error.where == "place a"
    assert "the place a is left out of this session: a is broken; its work" in said.getvalue()


def test_a_run_moves_at_most_twice_and_good_boards_stay(
    movable: Any, said: io.StringIO, noted: list[tuple[Any, ...]]
) -> None:
    board = FarmBoard("abcd")
    with movable(board) as dut:
        assert dut.do(failing("a", "b")) == "c"
        assert len(dut.take_moves()) == 2
        with pytest.raises(InfrastructureError, match="c hangs"):
            dut.do(failing("c", "d"))
        assert dut.take_moves() == []
    assert board.left == ["a", "b"]
    board = FarmBoard("abcdef")
    noted.clear()
    with movable(board) as dut, pytest.raises(InfrastructureError, match="a hangs"):
        dut.do(failing(*"abcdef"))
    assert [places for _, *places in noted] == [["a", ""], ["b", ""], ["c", ""]]
    assert board.left == []
    assert "digits on mine: no other place could do it after a: a hangs; b: b" in said.getvalue()


@pytest.mark.parametrize("error", [LostBoardError, UnreachableError])
def test_boards_that_nothing_reaches_do_not_stop_the_moves(
    movable: Any, error: type[Exception]
) -> None:
    board = FarmBoard("abcdef")
    with movable(board) as dut:
        assert dut.do(failing(*"abcd", error=error)) == "e"
    assert board.left == [*"abcd"]


def test_one_lost_board_does_not_set_the_target_aside(movable: Any) -> None:
    def work(device: Any) -> None:
        place = place_of(device)
        raise LostBoardError("a is lost") if place == "a" else InfrastructureError(f"{place} fails")

    board = FarmBoard("ab")
    with movable(board) as dut:
        with pytest.raises(InfrastructureError, match="b fails"):
            dut.do(work)
        assert dut._request.health.why_not("mine") == ""
        assert board.left == ["a"]
    board = FarmBoard("ab")
    with movable(board) as dut:
        with pytest.raises(LostBoardError, match="a hangs"):
            dut.do(failing("a", "b", error=LostBoardError))
        assert "does not come back" in dut._request.health.why_not("mine")


@pytest.mark.parametrize("error", [Verdict, DeviceFaultError])
def test_what_the_model_does_wrong_does_not_move(movable: Any, error: type[Exception]) -> None:
    board = FarmBoard("abc")
    with movable(board) as dut, pytest.raises(error):
        dut.do(failing("a", error=error))
    assert board.left == []


def test_a_model_with_a_state_moves_for_a_run_only(movable: Any) -> None:
    with movable(FarmBoard("ab"), variables=["state"]) as dut:
        with pytest.raises(InfrastructureError):
            dut.infer(failing("a"))
        assert dut.do(failing("a")) == "b"
    with movable(FarmBoard("ab")) as dut:
        assert dut.infer(failing("a")) == "b"


def test_a_run_stays_with_its_meter(movable: Any) -> None:
    board = FarmBoard("ab")
    with movable(board, meter="ppk2") as dut, pytest.raises(InfrastructureError, match="a hangs"):
        dut.do(failing("a"))
    assert board.left == []


def test_a_board_without_another_fails_as_ever(movable: Any) -> None:
    board = SimpleNamespace(device=None, start=lambda: None)
    with movable(board) as dut:
        for _ in range(LIMIT):
            with pytest.raises(InfrastructureError, match="stuck"):
                dut.do(lambda _: (_ for _ in ()).throw(InfrastructureError("stuck")))
        assert "set aside" in dut._request.health.why_not("mine")
