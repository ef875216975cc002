"""Runs a program that works for minutes: its last line is shown, and it ends with its owner."""

import os
import tempfile
import time
from collections.abc import Sequence

from harness.errors import InfrastructureError
from harness.support.owned_process import OwnedProcess
from harness.support.printable import printable
from harness.support.progress import Progress

_DEADLINE = 3600.0  # seconds; the line to a package index may be slow
_LOOK = 0.5
_TAIL = 4096  # bytes of a log
_SHOWN = 300  # characters of a line


def run_long(command: Sequence[str], doing: str, remedy: str, progress: Progress) -> None:
    """Run `command`; its last line is shown after what it is `doing`.

    Raises `InfrastructureError` with the lines about errors and the `remedy` if it fails.
    """
    end = time.monotonic() + _DEADLINE
    with tempfile.TemporaryFile() as log:
        process = OwnedProcess(command, log)
        try:
            while not process.wait(_LOOK):
                if lines := last_lines(log.fileno()):
                    progress.say(f"{doing}: {lines[-1]}")
                if time.monotonic() > end:
                    raise InfrastructureError(
                        f"{doing} takes longer than {_DEADLINE:g} s",
                        remedy=remedy,
                    )
        finally:
            process.stop()
        if process.poll() != 0:
            lines = last_lines(log.fileno())
            errors = [line for line in lines if line.upper().startswith("ERROR")] or lines
            said = "".join(f"\n  {line}" for line in errors[-3:])
            raise InfrastructureError(f"{doing} failed:{said}", remedy=remedy)


def last_lines(descriptor: int) -> list[str]:
    """Return the lines at the end of the log file `descriptor`, without warnings and empty ones.

    They are printable.
    """
    size = os.fstat(descriptor).st_size
    text = os.pread(descriptor, _TAIL, max(0, size - _TAIL)).decode(errors="replace")
    return [
        printable(line.strip(), _SHOWN)
        for line in text.splitlines()
        if line.strip() and "WARNING" not in line
    ]
