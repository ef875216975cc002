"""The targets of a session whose boards are in a farm, and the note that it makes of places."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from harness.board.board_options import BoardOptions, is_of_farm
from harness.options.selection import Selection
from harness.support.owned_temporary import temporary_folder
from harness.support.private_folder import private_folder
from harness.target.target_file import Target


def farm_targets(selection: Selection, board: BoardOptions) -> list[Target]:
    """Return those of the selected targets whose boards are places."""
    targets = [selection.target(name) for name in selection.targets]
    return [target for target in targets if is_of_farm(target, vars(board))]


@contextmanager
def noting_places(selection: Selection, board: BoardOptions) -> Iterator[BoardOptions]:
    """Yield `board` with a folder in which the session notes places, if it uses any.

    A place that is left out of the session then stays out in its later runs.
    """
    if not farm_targets(selection, board):
        yield board
        return
    with temporary_folder(private_folder()) as folder:
        yield replace(board, places=folder)
