"""The command that serves assistants: mcp."""

import argparse
import os
import signal
from collections.abc import Mapping
from importlib.util import find_spec

from harness.errors import ExitCode, InputError
from harness.support.numbers import whole_number
from harness.workspace import Workspace

_LIMIT = 600  # seconds
_LONGEST = 86_400  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    parser = parsers["mcp"]
    parser.add_argument(
        "--allow-run",
        action="store_true",
        help="let the assistant build images, flash boards and run models, too",
    )
    parser.add_argument(
        "--limit",
        type=whole_number(1, _LONGEST),
        default=_LIMIT,
        metavar="SECONDS",
        help="the longest time that a call may take (default: %(default)s)",
    )
    parser.set_defaults(command=_serve)


def _serve(options: argparse.Namespace, _: Workspace) -> int:
    if find_spec("mcp") is None:
        raise InputError(
            "the package mcp is not installed",
            remedy="pip install 'tinyml-harness[mcp]'",
        )
    from harness.mcp_server.mcp_tools import make_server  # noqa: PLC0415 - an extra, slow to import

    for number in _SIGNALS:
        signal.signal(number, _end)
    make_server(options.limit, allow_run=options.allow_run).run("stdio")
    return ExitCode.PASSED


def _end(number: int, _: object) -> None:
    """End at once; the commands of the server end with it, however it ends.

    An ordinary end would wait until the client closes the standard input, which a thread reads.
    """
    os._exit(128 + number)
