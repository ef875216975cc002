"""What the board says of an error of its device."""

from harness.board.board import Board
from harness.board.halted import IN_HANDLER
from harness.errors import InfrastructureError
from harness.link.device_errors import (
    DeviceFaultError,
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
)

_EXPLAINED = (DeviceFaultError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that already say what happened to the device; they need no diagnosis."""


def with_diagnosis(
    error: InfrastructureError, board: Board, which: str = ""
) -> InfrastructureError:
    """Return `error` with the board's diagnosis, and `which` vector it was.

    It keeps its type, unless the diagnosis finds the core in the handler of a fault: then nothing
    hangs that a reset could bring back.
    """
    diagnosis = "" if isinstance(error, _EXPLAINED) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, diagnosis]))
    where = ": ".join(filter(None, [error.where, which]))
    if IN_HANDLER in diagnosis:
        return DeviceFaultError(what, where=where, remedy="correct what caused the fault")
    return type(error)(what, where=where, remedy=error.remedy)
