"""Switches the power of a board off and on, with a command that knows how."""

import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from harness.errors import InfrastructureError
from harness.support.owned_process import OwnedProcess

COMMAND_DEADLINE = 60.0
"""Seconds for the command."""
END_DEADLINE = 10.0
"""Seconds for the command after Ctrl-C or SIGTERM: in its middle, the board is off."""
BACK_DEADLINE = 30.0
"""Seconds for the probe and the serial port to come back; USB takes a few."""

_SHOWN = 300  # characters of what the command prints


class PowerCycle(NamedTuple):
    """The `command` that power cycles a board; `where` names it in errors."""

    command: Sequence[str]
    where: str
    environment: Mapping[str, str] | None = None

    def __call__(self) -> None:
        """Run the command; `InfrastructureError` if it fails or does not end in time."""
        if shutil.which(self.command[0]) is None:
            raise self._error("is not an executable program, or is not on PATH")
        with tempfile.TemporaryFile() as log:
            process = OwnedProcess(self.command, log, environment=self.environment)
            try:
                ended = process.wait(COMMAND_DEADLINE)
            except BaseException:
                process.wait(END_DEADLINE)
                raise
            finally:
                process.stop()
            log.seek(0)
            said = log.read().decode(errors="replace").strip()[-_SHOWN:]
        if not ended:
            raise self._error(f"was not finished within {COMMAND_DEADLINE:g} s", said)
        if code := process.poll():
            raise self._error(f"failed with exit code {code}", said)

    def _error(self, what: str, said: str = "") -> InfrastructureError:
        return InfrastructureError(
            "\n".join(filter(None, [f"{self.command[0]} {what}", said])),
            where=self.where,
            remedy=f"does this command work in a terminal? {shlex.join(self.command)}",
        )
