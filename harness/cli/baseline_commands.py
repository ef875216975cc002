"""`harness baseline`: accepts runs as baselines, and lists the baselines."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from harness.cli.command_groups import add_subcommand
from harness.cli.judge_commands import RUN
from harness.errors import ExitCode, InputError
from harness.options.json_option import add_json_option
from harness.report.baseline_text import print_accepted, print_baselines
from harness.report.json_documents.baseline_documents import (
    baseline_accept_document,
    baseline_list_document,
)
from harness.results.judge.baseline import accept, read_baseline, read_baselines
from harness.results.judge.find_runs import find_runs
from harness.results.judge.gate import add_baseline_option
from harness.results.judge.matching import newest_of_each
from harness.results.store.open_results import add_store_option
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    actions = parsers["baseline"].add_subparsers(required=True, metavar="COMMAND")
    accepted = add_subcommand(actions, "accept", "make runs the baselines of their combinations")
    accepted.add_argument("runs", nargs="+", metavar="RUN", help=RUN)
    accepted.add_argument(
        "--because", required=True, metavar="REASON", help="why the change is intended"
    )
    accepted.set_defaults(command=_accept)
    listed = add_subcommand(actions, "list", "list the baselines with date and reason")
    listed.set_defaults(command=_list)
    for command in (accepted, listed):
        add_baseline_option(
            command.add_argument, "the folder of the baselines (default: reports/baselines)"
        )
        add_json_option(command.add_argument)
    add_store_option(accepted.add_argument)


def _accept(options: argparse.Namespace, workspace: Workspace) -> int:
    folder: Path = options.baseline or workspace.baselines
    with options.progress.step("reading Records"):
        records = [
            run for name in options.runs for run in find_runs(name, options.store, workspace)
        ]
        paths = accept(newest_of_each(records), options.because, folder)
        accepted = {path: read_baseline(path) for path in paths}
    output: JsonOutput | None = options.json_output
    if output:
        output.print(baseline_accept_document(accepted, folder))
    else:
        print_accepted([baseline.record for baseline in accepted.values()], folder, Terminal())
    return ExitCode.PASSED


def _list(options: argparse.Namespace, workspace: Workspace) -> int:
    given: Path | None = options.baseline
    if given and not given.is_dir():
        raise InputError(
            "is not a folder", where=f"--baseline={given}", remedy="name a folder of baselines"
        )
    folder = given or workspace.baselines
    baselines = read_baselines(folder)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(baseline_list_document(baselines, folder))
    else:
        print_baselines(baselines, folder, Terminal())
    return ExitCode.PASSED
