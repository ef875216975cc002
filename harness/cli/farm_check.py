"""`harness farm check`: checks boards, those of several places at once."""

import argparse
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing

from harness.board.board_options import BoardOptions
from harness.cli.checks_at_once import Outcome, check_at_once
from harness.errors import ExitCode, HarnessError, InUseError
from harness.model.folder import load_model
from harness.report.farm_table import print_check
from harness.report.json_documents.farm_documents import farm_check_document
from harness.results.farm.check_files import write_check
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
from harness.target.target_file import Target
from harness.workspace import Workspace


def check(options: argparse.Namespace, workspace: Workspace) -> int:
    """Check the boards of the options, and print what was found."""
    progress: Progress = options.progress
    with progress.step("finding the boards"):
        given = BoardOptions.of(options)
        boards = find_boards(options.places, options.target, given, workspace)
    output: JsonOutput | None = options.json_output
    says = not (output and options.quiet)  # then the document says it all
    checks: list[BoardCheck] = []
    busy: dict[str, HarnessError] = {}
    failed: dict[str, HarnessError] = {}
    unwritten: list[HarnessError] = []
    with closing(_outcomes(boards, options, workspace)) as outcomes:
        for board, outcome in outcomes:
            if says:
                _print_outcome(board.name, outcome, failed)
            if isinstance(outcome, BoardCheck):
                checks.append(outcome)
                unwritten += _written(outcome, workspace)
            elif isinstance(outcome, InUseError):
                busy[board.name] = outcome
            else:
                failed[board.name] = outcome
    if says:
        _print_sum(checks, len(busy), len(failed), workspace)
    document = farm_check_document(checks, busy, failed)
    if output:
        output.print(document)
    if unwritten:
        raise unwritten[0]
    return ExitCode.PASSED if document.healthy else ExitCode.INFRASTRUCTURE


def _outcomes(
    boards: Sequence[CheckedBoard], options: argparse.Namespace, workspace: Workspace
) -> Generator[tuple[CheckedBoard, Outcome]]:
    """Yield each board, in their order, with its check or why there is none."""
    progress: Progress = options.progress
    unusable = _unusable(boards, workspace, progress)
    able = [board for board in boards if board.name not in unusable]
    if len(able) > 1:
        checking = check_at_once(able, options.target, progress)
    else:
        checking = (_checked(board, workspace, progress) for board in able)
    with closing(checking) as outcomes:
        for board in boards:
            yield board, unusable[board.name] if board.name in unusable else next(outcomes)


def _unusable(
    boards: Sequence[CheckedBoard], workspace: Workspace, progress: Progress
) -> Mapping[str, HarnessError]:
    """Build the images, each once; return why boards cannot be checked, by their names."""
    found: dict[str, HarnessError] = {}
    built: dict[str, HarnessError | None] = {}
    for board in boards:
        if isinstance(board.target, HarnessError):
            found[board.name] = board.target
            continue
        if (name := board.target.name) not in built:
            try:
                image_for(_request(board, board.target, workspace, progress))
                built[name] = None
            except HarnessError as error:
                built[name] = error
        if (why := built[name]) is not None:
            found[board.name] = why
    return found


def _checked(board: CheckedBoard, workspace: Workspace, progress: Progress) -> Outcome:
    """Check a board in this process."""
    if isinstance(board.target, HarnessError):
        return board.target
    request = _request(board, board.target, workspace, progress)
    try:
        return check_board(request, image_for(request))
    except HarnessError as error:
        return error


def _written(check: BoardCheck, workspace: Workspace) -> Iterator[HarnessError]:
    """Write the file of a check; yield the error if that fails, after which others go on."""
    try:
        write_check(check, workspace.checks)
    except HarnessError as error:
        yield error


def _request(
    board: CheckedBoard, target: Target, workspace: Workspace, progress: Progress
) -> RunRequest:
    return RunRequest(
        target=target,
        model=load_model(bundled("models") / MODEL),
        workspace=workspace,
        progress=progress,
        board_options=board.options,
    )


def _print_outcome(name: str, outcome: Outcome, failed: Mapping[str, HarnessError]) -> None:
    """Print what was found at `name`; boards that have `failed` may have the same reason."""
    same = [other for other, error in failed.items() if str(error) == str(outcome)]
    if isinstance(outcome, BoardCheck):
        print_check(outcome, Terminal())
    elif isinstance(outcome, InUseError):
        print(f"{name}: skipped, because it {outcome.what}", flush=True)
    elif same:
        print(
            f"harness: {name} cannot be checked, for the same reason as {same[0]}", file=sys.stderr
        )
    else:
        print(f"harness: {name} cannot be checked: {outcome}", file=sys.stderr)


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
