"""The `harness` command."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from harness.support.command import guarded
from harness.support.progress import Progress
from harness.support.progress_log import INTERVAL
from harness.workspace import find_workspace

_LONG = {"run", "watch", "build", "sweep", "mlperf", "profile", "doctor", "farm"}
"""Commands that work for a second or longer: they say at once what they do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, an `ExitCode`."""
    return guarded("harness", partial(_run, arguments), _logs)


def _run(arguments: Sequence[str] | None) -> int:
    # Late, so that an interruption or a broken installation is reported, too.
    from harness.cli.command_line import command_parser  # noqa: PLC0415

    parser = command_parser()
    given = sys.argv[1:] if arguments is None else arguments
    command = parser.named(given)
    at_once = command in _LONG and not {"-h", "--help"} & set(given)
    progress = Progress(sys.stderr, patience=0 if at_once else INTERVAL)
    if command:
        with progress.step(f"starting harness {command}"):
            parser.declare(command)
    options = parser.parse_args(given, argparse.Namespace(progress=progress))
    code: int = options.command(options, find_workspace())
    return code


def _logs() -> Path | None:
    """Return the folder for the tracebacks of defects; None if there is none."""
    with suppress(Exception):  # the same that is reported now
        return find_workspace().logs
    return None
