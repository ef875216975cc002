"""Which ways back are tried, one after the other."""

import io
from typing import Any

import pytest

from harness.board.ways_back import WayBack
from harness.errors import HangError, InfrastructureError, InUseError
from harness.runs.recovery import Recovery
from harness.support.progress import Progress


class HangingBoard:
    """A board with all ways back; `prepared` are those that were tried."""

    def __init__(self) -> None:
        self.prepared: list[str] = []

    def ways_back(self) -> list[WayBack]:
        def way(name: str) -> WayBack:
            return WayBack(
                name,
                lambda: self.prepared.append(name),
                is_start=name == "reset",
                needs_probe=name != "power cycle",
            )

        return [way(name) for name in ("reset", "reflash", "power cycle")]


def failing(error: InfrastructureError) -> Any:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("after", "prepared"),
    [
        (HangError("still silent"), ["reset", "reflash", "power cycle"]),
        (InUseError("is in use by process 7 of user ann"), ["reset"]),
    ],
)
def test_a_board_that_another_session_has_taken_keeps_its_power(
    after: InfrastructureError, prepared: list[str]
) -> None:
    board: Any = HangingBoard()
    recovery = Recovery(board, "desk", Progress(io.StringIO()))
    with pytest.raises(HangError, match=after.what) as caught:
        recovery.run(failing(HangError("silent")), failing(after))
    assert caught.value.what.startswith("silent\nthe board does not come back: reset after")
    assert board.prepared == prepared
    assert recovery.taken() == ()


def test_after_a_start_that_hangs_a_reset_is_nothing_new() -> None:
    """It began with one, and read the flash back."""
    board: Any = HangingBoard()
    recovery = Recovery(board, "desk", Progress(io.StringIO()))
    with pytest.raises(HangError):
        recovery.start(failing(HangError("silent")))
    assert board.prepared == ["reflash", "power cycle"]
