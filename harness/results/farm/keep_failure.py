"""Writes down that a run ended with an infrastructure error."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from harness.errors import HarnessError, InfrastructureError, InUseError
from harness.results.current_session import current_session
from harness.results.farm.failed_runs import FailedRun, write_failure
from harness.runs.request import RunRequest
from harness.support.version import VERSION
from harness.target.target_file import Labgrid


@contextmanager
def noting_failure(request: RunRequest) -> Iterator[None]:
    """Write down an infrastructure error that ends a run of `request` inside, and raise it."""
    try:
        yield
    except InfrastructureError as error:
        keep_failure(request, error)
        raise


def keep_failure(
    request: RunRequest, error: InfrastructureError, place: str = "", moved_to: str = ""
) -> None:
    """Write that a run of `request` failed with `error`, instead of its last failure there.

    If that fails, too, only warn: the error of the run is more important.
    """
    toolchain = request.toolchain
    failed = FailedRun(
        ended=datetime.now().astimezone().isoformat(timespec="milliseconds"),
        session=current_session(),
        target=request.target.name,
        model=request.model.name,
        engine=request.engine.name,
        toolchain=toolchain.name if toolchain else "",
        optimize=toolchain.opt if toolchain else "",
        place=_to_blame(request, error, place),
        moved_to=moved_to,
        error=error.what,
        where=error.where,
        remedy=error.remedy,
        host=platform.node(),
        harness=VERSION,
    )
    try:
        write_failure(failed, request.workspace.failures)
    except HarnessError as problem:
        request.progress.warn(f"the report will not show that {failed.title} failed: {problem}")


def _to_blame(request: RunRequest, error: InfrastructureError, place: str) -> str:
    """Return `place`, or else the one that the run named, unless others have got it."""
    if isinstance(error, InUseError):
        return ""
    if place:
        return place
    board = request.target.board
    named = request.board_options.place or (board.place if isinstance(board, Labgrid) else "")
    return "" if "=" in named else named
