"""A sweep: runs every combination; one that fails does not stop the others."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from harness.board.board_options import BoardOptions
from harness.errors import ExitCode, HarnessError
from harness.image.toolchain import find_toolchain
from harness.options.selection import Selection
from harness.results.farm.keep_failure import keep_failure
from harness.results.judge.sweep_row import SweepRow
from harness.results.outcome import outcome_of
from harness.results.recording import RecordElsewhereError, keep_record, record_of
from harness.runs.health import Health
from harness.runs.movable_dut import movable_bench
from harness.runs.quick import Quick
from harness.runs.request import RunRequest
from harness.support.progress import Progress


def sweep(
    selection: Selection,
    board: BoardOptions,
    quick: Quick,
    progress: Progress,
    rows: list[SweepRow],
) -> None:
    """Run every combination of `selection`, cut short by `quick`; append results to `rows`."""
    names = selection.names
    request = partial(
        RunRequest,
        workspace=selection.workspace,
        progress=progress,
        board_options=board,
        health=Health(),
        quick=quick,
        failed=keep_failure,
    )
    for position, (target, model, engine, toolchain, opt) in enumerate(names, 1):
        row = SweepRow(target, model, engine, toolchain, opt)
        try:
            with progress.step(f"{position} of {len(names)}: {row}"):
                rows.append(_run(selection, row, request))
        except HarnessError as error:
            failed = replace(row, reasons=[str(error)], code=error.exit_code, error=error)
            rows.append(failed)


def _run(selection: Selection, row: SweepRow, request: Callable[..., RunRequest]) -> SweepRow:
    combination = request(
        target=selection.target(row.target),
        model=selection.model(row.model),
        engine=selection.engine(row.engine),
        toolchain=find_toolchain(row.toolchain, row.opt),
    )
    with movable_bench(combination) as dut:
        record = record_of(dut.run(), selection.workspace, dut.take_moves())
    code = ExitCode.PASSED if record.verdict == "passed" else ExitCode.FAILED
    measured = replace(
        row,
        numbers=record.numbers,
        subset=record.subset,
        reasons=record.reasons,
        code=code,
        judged=outcome_of(record) != "ran",
        record=record,
    )
    try:
        return replace(measured, file=keep_record(record, selection.workspace))
    except RecordElsewhereError as error:
        reasons = [*record.reasons, str(error)]
        return replace(
            measured, reasons=reasons, code=error.exit_code, file=error.path, error=error
        )
