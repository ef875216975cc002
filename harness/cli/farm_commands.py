"""`harness farm`: checks boards, and shows the places of a farm."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime

from harness.board.board_options import BoardOptions
from harness.board.labgrid.ask_farm import ask_farm
from harness.board.labgrid.place_choice import PlaceInUseError
from harness.cli.command_groups import add_subcommand
from harness.errors import ExitCode, HarnessError
from harness.model.folder import load_model
from harness.options.json_option import add_json_option
from harness.report.farm_table import print_check, print_farm
from harness.report.json_documents.farm_documents import (
    farm_check_document,
    farm_status_document,
)
from harness.results.farm.check_files import write_check
from harness.results.farm.farm_status import status_of
from harness.results.farm.status_file import with_known, write_status
from harness.results.store.open_results import add_store_option, open_store
from harness.runs.bench import image_for
from harness.runs.check.board_check import MODEL, check_board
from harness.runs.check.check_result import BoardCheck
from harness.runs.check.checked_boards import CheckedBoard, find_boards
from harness.runs.request import RunRequest
from harness.support.bundled_files import bundled
from harness.support.json_stream import JsonOutput
from harness.support.plural import count_of
from harness.support.progress import Progress
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
    check.set_defaults(command=_check)
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


def _check(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step("finding the boards"):
        given = BoardOptions.of(options)
        boards = find_boards(options.places, options.target, given, workspace)
    output: JsonOutput | None = options.json_output
    checks: list[BoardCheck] = []
    busy: dict[str, HarnessError] = {}
    failed: dict[str, HarnessError] = {}
    for board in boards:
        try:
            check = _checked(board, workspace, progress)
        except PlaceInUseError as error:
            busy[board.name] = error
            print(f"{board.name}: skipped, because it {error.what}", flush=True)
        except HarnessError as error:
            failed[board.name] = error
            print(f"harness: {board.name} cannot be checked: {error}", file=sys.stderr)
        else:
            checks.append(check)
            print_check(check, Terminal())
            write_check(check, workspace.checks)
    _print_sum(checks, len(busy), len(failed), workspace)
    document = farm_check_document(checks, busy, failed)
    if output:
        output.print(document)
    return ExitCode.PASSED if document.healthy else ExitCode.INFRASTRUCTURE


def _checked(board: CheckedBoard, workspace: Workspace, progress: Progress) -> BoardCheck:
    if isinstance(board.target, HarnessError):
        raise board.target
    request = RunRequest(
        target=board.target,
        model=load_model(bundled("models") / MODEL),
        workspace=workspace,
        progress=progress,
        board_options=board.options,
    )
    return check_board(request, image_for(request))


def _print_sum(checks: Sequence[BoardCheck], busy: int, failed: int, workspace: Workspace) -> None:
    healthy = sum(check.healthy for check in checks)
    counts = (
        (len(checks) - healthy, "not healthy"),
        (busy, "busy"),
        (failed, "cannot be checked"),
    )
    others = "".join(f", {count} {what}" for count, what in counts if count)
    print(f"{count_of(len(checks) + busy + failed, 'board')}: {healthy} healthy{others}")
    if checks:
        print(f"checks: {workspace.checks}")


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
