"""The `harness` command."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness.support.command import guarded
from harness.workspace import find_workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, an `ExitCode`."""
    return guarded("harness", partial(_run, arguments), _logs)


def _run(arguments: Sequence[str] | None) -> int:
    # Late, so that an interruption or a broken installation is reported, too.
    from harness.cli.command_line import command_parser  # noqa: PLC0415 - loads pyOCD

    options = command_parser().parse_args(arguments)
    code: int = options.command(options, find_workspace())
    return code


def _logs() -> Path | None:
    """Return the folder for the tracebacks of defects; None if there is none."""
    with suppress(Exception):  # the same that is reported now
        return find_workspace().logs
    return None
