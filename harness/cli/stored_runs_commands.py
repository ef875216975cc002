"""The commands that look at stored runs: runs, show."""

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from harness.errors import ExitCode
from harness.options.json_option import add_json_option
from harness.report.json_documents.stored_runs import runs_document, show_document
from harness.report.runs_report import print_runs
from harness.report.stored_runs_table import print_log, print_stored
from harness.results.judge.find_runs import find_runs
from harness.results.store.open_results import MAKE_RUNS, add_store_option, open_store
from harness.support.json_stream import JsonOutput
from harness.support.numbers import whole_number
from harness.support.terminal import Terminal
from harness.workspace import Workspace

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry, RunFilter

_FILTERS = ("target", "model", "engine", "toolchain", "branch", "commit", "place")
_SHOWN = 20
_MOST = 100_000


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    runs = parsers["runs"]
    for name in _FILTERS:
        runs.add_argument(f"--{name}", help=f"only runs of this {name}")
    runs.add_argument("--failed", action="store_true", help="only runs that failed")
    runs.add_argument(
        "--limit",
        type=whole_number(1, _MOST),
        default=_SHOWN,
        metavar="N",
        help="the N newest (default: %(default)s)",
    )
    runs.set_defaults(command=_runs)
    show = parsers["show"]
    show.add_argument(
        "run",
        metavar="RUN",
        help="a file or folder of Records, a run's ID, `last`, a branch or a commit",
    )
    show.set_defaults(command=_show)
    for command in (runs, show):
        add_store_option(command.add_argument)
        add_json_option(command.add_argument)


def _runs(options: argparse.Namespace, workspace: Workspace) -> int:
    filters: RunFilter = {name: getattr(options, name) for name in _FILTERS}  # type: ignore[assignment]
    with options.progress.step("reading Records"), open_store(options.store, workspace) as store:
        found: Sequence[Entry] = store.find(**filters)
    if options.failed:
        found = [entry for entry in found if entry.verdict != "passed"]
    output: JsonOutput | None = options.json_output
    newest = found[: options.limit]
    if output:
        output.print(runs_document(newest, len(found)))
    elif not found:
        print(f"no run matches; {MAKE_RUNS}")
    else:
        print_stored(newest, len(found), Terminal())
    return ExitCode.PASSED


def _show(options: argparse.Namespace, workspace: Workspace) -> int:
    with options.progress.step("reading Records"):
        records = find_runs(options.run, options.store, workspace)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(show_document(records))
        return ExitCode.PASSED
    print_runs(records, (), options.store, workspace, Terminal())
    print_log(records, Terminal())
    return ExitCode.PASSED
