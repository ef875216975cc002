"""`harness farm`: checks boards, and shows the places of a farm."""

import argparse
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime

from harness.board.board_options import BoardOptions
from harness.board.labgrid.ask_farm import ask_farm
from harness.cli import farm_check
from harness.cli.command_groups import add_subcommand
from harness.errors import ExitCode
from harness.options.json_option import add_json_option
from harness.report.farm_table import print_farm
from harness.report.json_documents.farm_documents import farm_status_document
from harness.results.farm.farm_status import status_of
from harness.results.farm.status_file import with_known, write_status
from harness.results.store.open_results import add_store_option, open_store
from harness.runs.check.board_check import MODEL
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    commands = parsers["farm"].add_subparsers(required=True, metavar="COMMAND")
    check = add_subcommand(
        commands, "check", f"flash {MODEL}, and check answers, line and clock of boards"
    )
    check.add_argument(
        "places",
        nargs="*",
        metavar="PLACE",
        help="a place, or tags such as chip=nrf52840,meter=ppk2 (default: all places; with "
        "--target, the place of its file, or the board on this desk)",
    )
    check.add_argument(
        "--target",
        default="",
        metavar="TARGET",
        help="what the boards are (default: the target file that names the place or its tags, or "
        "else the tag target=NAME or chip=NAME of the place)",
    )
    BoardOptions.add_board(check.add_argument)
    add_json_option(check.add_argument)
    check.set_defaults(command=farm_check.check)
    status = add_subcommand(
        commands, "status", "show places, who has them, their last Records and their health"
    )
    status.add_argument(
        "--coordinator",
        default="",
        metavar="HOST:PORT",
        help="labgrid's coordinator (default: LG_COORDINATOR)",
    )
    add_store_option(status.add_argument)
    add_json_option(status.add_argument)
    status.set_defaults(command=_status)


def _status(options: argparse.Namespace, workspace: Workspace) -> int:
    with options.progress.step("asking the coordinator"):
        farm = ask_farm(options.coordinator)
        now = datetime.now().astimezone()
        status = status_of(farm.coordinator, farm.state, farm.reservers, now)
        write_status(status, workspace.farm)
    with options.progress.step("reading Records"), ExitStack() as stack:
        urls = dict.fromkeys(("", options.store))  # the index of this machine, and a team's store
        stores = [stack.enter_context(open_store(url, workspace)) for url in urls]
        status = with_known(status, workspace, *stores)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(farm_status_document(status))
    else:
        print_farm(status, Terminal())
    return ExitCode.PASSED
