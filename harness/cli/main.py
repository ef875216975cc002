"""The `harness` command."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from harness.options.json_option import json_is_asked
from harness.options.output_options import Talk
from harness.support.command import guarded
from harness.support.json_stream import JsonOutput
from harness.support.progress import Progress
from harness.support.progress_log import INTERVAL
from harness.workspace import find_workspace

_LONG = {"run", "watch", "build", "sweep", "mlperf", "profile", "doctor", "farm"}
"""Commands that work for a second or longer: they say at once what they do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, an `ExitCode`."""
    given = sys.argv[1:] if arguments is None else arguments
    output = JsonOutput() if "--json" in given else None
    return guarded("harness", partial(_run, given, output), _logs, output)


def _run(given: Sequence[str], output: JsonOutput | None) -> int:
    # Late, so that an interruption or a broken installation is reported, too.
    from harness.cli.command_line import command_parser  # noqa: PLC0415

    parser = command_parser()
    command = parser.named(given)
    at_once = command in _LONG and not {"-h", "--help"} & set(given)
    talk = Talk.of(given)
    quiet = not talk.shows_progress
    progress = Progress(sys.stderr, patience=0 if at_once else INTERVAL, quiet=quiet)
    if command:
        with progress.step(f"starting harness {command}"):
            parser.declare(command)
    namespace = argparse.Namespace(progress=progress, json_output=None, quiet=talk.quiet)
    options = parser.parse_args(given, namespace)
    with ExitStack() as stack:
        stack.enter_context(talk.details(progress))
        if output and json_is_asked(options):
            options.json_output = output
            stack.enter_context(output.alone())
        code: int = options.command(options, find_workspace())
    return code


def _logs() -> Path | None:
    """Return the folder for the tracebacks of defects; None if there is none."""
    with suppress(Exception):  # the same that is reported now
        return find_workspace().logs
    return None
