"""Why the core of a board fails: what stopped it, or where it was."""

from functools import partial

from pyocd.core.session import Session

from harness.board.active_fault import HandlerWatch
from harness.board.board import Diagnosis
from harness.board.pyocd.bootloader import missing_bootloader
from harness.board.pyocd.crash import crash, handled, read, whereabouts
from harness.board.pyocd.probe_lease import with_interference
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.target.target_file import Target


def core_error(
    session: Session, target: Target, elf: Elf, watch: HandlerWatch, unanswered: int
) -> InfrastructureError | None:
    """Return the error of a core that does not run, or stays in the handler of a fault.

    None while it runs the program; `unanswered` is that of `HandlerWatch.stays`.
    """
    error = crash(session, elf)
    if error is None and watch.stays(partial(read, session), unanswered):
        error = handled(session, elf)
    if error is None:
        return None
    what = with_interference(session.probe, error.what)
    what += missing_bootloader(session, target, elf)
    return type(error)(what, where=target.name, remedy=error.remedy)


def core_diagnosis(session: Session, target: Target, elf: Elf) -> Diagnosis:
    """Return where a core that does not answer was; this halts the core."""
    error = crash(session, elf)
    text, remedy = (error.what, "") if error else whereabouts(session, elf)
    text += missing_bootloader(session, target, elf)
    return Diagnosis(with_interference(session.probe, text), remedy)
