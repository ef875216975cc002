"""What the board says of an error of its device."""

from collections.abc import Sequence
from contextlib import suppress

from harness.board.board import Board, Diagnosis
from harness.errors import InfrastructureError
from harness.link.device_errors import (
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
    FirmwareError,
)
from harness.support.printable import printable

_EXPLAINED = (FirmwareError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that already say what happened to the device; they need no diagnosis."""


_LINES, _LONGEST = 5, 200  # of the log's end, and the characters of a line


def with_diagnosis(
    error: InfrastructureError, board: Board, which: str = "", log: Sequence[str] = ()
) -> InfrastructureError:
    """Return `error` with the board's diagnosis, the end of the `log`, and `which` vector it was.

    It keeps its type, unless the diagnosis has a remedy: then nothing hangs that a reset could
    bring back.
    """
    found = Diagnosis() if isinstance(error, _EXPLAINED) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, found.text, *_end_of(log, board)]))
    where = ": ".join(filter(None, [error.where, which]))
    if found.remedy:
        return FirmwareError(what, where=where, remedy=found.remedy)
    return type(error)(what, where=where, remedy=error.remedy)


def _end_of(log: Sequence[str], board: Board) -> list[str]:
    """Return the last lines that the firmware has logged, over the link and over SWO."""
    with suppress(InfrastructureError):  # a virtual board that is gone
        log = [*log, *board.swo_lines()]
    title = ["the device's log ends with:"] if log else []
    return [*title, *(f"    {printable(line, _LONGEST)}" for line in log[-_LINES:])]
