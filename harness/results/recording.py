"""Records a run: writes its Record to `reports/runs`, or else where it is not lost."""

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import structs

from harness.errors import HarnessError, InfrastructureError
from harness.results import mlperf_record, run_record
from harness.results.record import Record
from harness.results.record_file import read_record, to_json, write_record
from harness.runs.device_under_test import AnyRun
from harness.runs.link_run import Run
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.support.printable_texts import printable_texts
from harness.support.user_folders import RESULTS
from harness.workspace import Workspace

listeners: list[Callable[[Path], None]] = []
"""Functions that are called with the file of each new Record; pytest's plugin has one."""


class RecordElsewhereError(InfrastructureError):
    """A Record could not be written to `reports/runs`.

    `path` is where it was written instead; None if it was printed, because no file can be written.
    """

    path: Path | None = None


def record_run(run: AnyRun, workspace: Workspace) -> Path:
    """Write the Record of `run` into `workspace` and return its file, as `keep_record` does."""
    return keep_record(record_of(run, workspace), workspace)


def record_of(run: AnyRun, workspace: Workspace, moves: Sequence[str] = ()) -> Record:
    """Return the Record of `run` in `workspace`; `moves` say why it left other boards."""
    if isinstance(run, MlperfRun):
        record = mlperf_record.record_of(run, workspace.root)
    elif isinstance(run, Run):
        record = run_record.record_of(run, workspace.root)
    else:
        raise TypeError(f"{type(run).__name__} has no record")
    return structs.replace(record, recoveries=[*record.recoveries, *moves])


def keep_record(record: Record, workspace: Workspace) -> Path:
    """Write `record` into `workspace` and return its file.

    Raises `RecordElsewhereError` if that fails; then the record is in a temporary folder.
    """
    try:
        path = write_record(record, workspace.runs)
    except HarnessError as error:
        elsewhere = _kept_elsewhere(record, workspace.runs, error)
        _tell(elsewhere.path)
        raise elsewhere from error
    _tell(path)
    return path


def _kept_elsewhere(record: Record, runs: Path, why: HarnessError) -> RecordElsewhereError:
    """Write or print `record`; return the error that says where it is."""
    data = to_json(printable_texts(record))
    path = None
    try:
        folder = Path(tempfile.mkdtemp(prefix="tinyml-harness-record-"))
        path = folder / f"{record.id}.json"
        path.write_bytes(data)
    except OSError:
        if path is not None:
            path.unlink(missing_ok=True)
            path.parent.rmdir()
            path = None
        print(data.decode(), file=sys.stderr)
    error = RecordElsewhereError(
        why.what,
        where=why.where,
        remedy=f"solve that, or set {RESULTS} to another folder; then move the Record "
        + (f"to {runs}. It is in {path}" if path else f"that is printed above to {runs}"),
    )
    error.path = path
    return error


def fail_record(path: Path, reason: str, *, unless_failed: bool = False) -> None:
    """Add `reason` to why the run in the file `path` failed.

    With `unless_failed`, a run that failed already keeps its reasons. Raises the errors of
    `read_record` and `write_record`.
    """
    record = read_record(path)
    if reason in record.reasons or (unless_failed and record.reasons):
        return
    failed = structs.replace(record, verdict="failed", reasons=[*record.reasons, reason])
    write_record(failed, path.parent)


def _tell(path: Path | None) -> None:
    if path:
        for listener in listeners:
            listener(path)
