"""What an installed tool prints, for example its version: a tool may be broken, silent or hang."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from harness.errors import InfrastructureError
from harness.support.details import detail_command

DEADLINE = 15.0
"""Seconds for a tool to print its version; on a busy machine it takes a few."""

_SHOWN = 200  # characters of a tool's message


def first_line(
    command: Sequence[str],
    remedy: str,
    deadline: float = DEADLINE,
    *,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return the first line that `command` prints; raises as `output_of`, also for no line."""
    lines = output_of(command, remedy, deadline, environment=environment).split("\n")
    line = lines[0].strip()
    if not line:
        raise InfrastructureError(
            f"does not run: {' '.join(command[1:])} prints nothing",
            where=command[0],
            remedy=remedy,
        )
    return line


def output_of(
    command: Sequence[str],
    remedy: str,
    deadline: float = DEADLINE,
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> str:
    """Return what `command` prints on its standard output.

    Raises `InfrastructureError` if it cannot be started, fails, or does not end in time. Then all
    processes that it started are killed: they would hold its output open.
    """
    detail_command(command)
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            cwd=folder,
            env=None if environment is None else {**environment},
            start_new_session=True,
        )
    except OSError as error:
        raise InfrastructureError(
            f"does not run: {error.strerror}", where=command[0], remedy=remedy
        ) from error
    with process:
        try:
            output, errors = process.communicate(timeout=deadline)
        except subprocess.TimeoutExpired as error:
            raise InfrastructureError(
                f"does not run: no answer to {' '.join(command[1:])[:_SHOWN]} within "
                f"{deadline:g} s",
                where=command[0],
                remedy=remedy,
            ) from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode != 0:
        said = (errors.strip() or output.strip())[-_SHOWN:]
        raise InfrastructureError(
            f"does not run: exit code {process.returncode}" + (f"\n{said}" if said else ""),
            where=command[0],
            remedy=remedy,
        )
    return output
