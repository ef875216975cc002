"""Records a run: writes its Record to `reports/runs`."""

from collections.abc import Callable
from pathlib import Path

from msgspec import structs

from harness.results import mlperf_record, run_record
from harness.results.record_file import read_record, write_record
from harness.runs.device_under_test import AnyRun
from harness.runs.link_run import Run
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.workspace import Workspace

listeners: list[Callable[[Path], None]] = []
"""Functions that are called with the file of each new Record; pytest's plugin has one."""


def record_run(run: AnyRun, workspace: Workspace) -> Path:
    """Write the record of `run` into `workspace` and return its file.

    Raises `InfrastructureError` if the file cannot be written.
    """
    if isinstance(run, MlperfRun):
        record = mlperf_record.record_of(run, workspace.root)
    elif isinstance(run, Run):
        record = run_record.record_of(run, workspace.root)
    else:
        raise TypeError(f"{type(run).__name__} has no record")
    path = write_record(record, workspace.runs)
    for listener in listeners:
        listener(path)
    return path


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
