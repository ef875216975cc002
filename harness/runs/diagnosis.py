"""What the board says of an error of its device."""

from harness.board.board import Board, Diagnosis
from harness.errors import InfrastructureError
from harness.link.device_errors import (
    DeviceRefusedError,
    DeviceRestartedError,
    DeviceStoppedError,
    FirmwareError,
)

_EXPLAINED = (FirmwareError, DeviceRefusedError, DeviceRestartedError, DeviceStoppedError)
"""Errors that already say what happened to the device; they need no diagnosis."""


def with_diagnosis(
    error: InfrastructureError, board: Board, which: str = ""
) -> InfrastructureError:
    """Return `error` with the board's diagnosis, and `which` vector it was.

    It keeps its type, unless the diagnosis has a remedy: then nothing hangs that a reset could
    bring back.
    """
    found = Diagnosis() if isinstance(error, _EXPLAINED) else board.diagnosis()
    what = "\n".join(filter(None, [error.what, found.text]))
    where = ": ".join(filter(None, [error.where, which]))
    if found.remedy:
        return FirmwareError(what, where=where, remedy=found.remedy)
    return type(error)(what, where=where, remedy=error.remedy)
