"""What a chip and its probe tell of themselves when a session with them begins."""

from typing import NamedTuple

from pyocd.core.session import Session

from harness.board.pyocd.core_check import check_core
from harness.board.pyocd.identification import check_chip
from harness.board.pyocd.locks import check_lock
from harness.board.pyocd.probes import is_of_virtual_board
from harness.board.pyocd.unique_id import unique_id
from harness.target.chip_families import unique_id_of
from harness.target.target_file import Pyocd, Target


class ToldIdentity(NamedTuple):
    """The chip's unique ID, empty if it has none, and whether it is a simulator's."""

    chip_id: str = ""
    simulated: bool = False


def told_identity(session: Session, probe: str, target: Target, board: Pyocd) -> ToldIdentity:
    """Check that chip and core are those of `target`, and not locked; return what they tell."""
    check_core(session, target)
    if board.chip_id is not None:
        check_chip(session, probe, board.target, board.chip_id)
    if target.load == "flash":  # the lock leaves RAM open
        check_lock(session, probe, board.target)
    words = board.unique_id or unique_id_of(board.target)
    return ToldIdentity(unique_id(session, words), is_of_virtual_board(session.probe))
