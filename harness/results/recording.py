"""Records a run: writes its Record to `reports/runs`."""

from pathlib import Path

from harness.results import mlperf_record, run_record
from harness.results.record_file import write_record
from harness.runs.device_under_test import AnyRun
from harness.runs.link_run import Run
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.workspace import Workspace


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
    return write_record(record, workspace.runs)
