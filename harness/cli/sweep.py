"""A sweep: runs every combination; one that fails does not stop the others."""

from dataclasses import replace
from itertools import product

from harness.board.board_options import BoardOptions
from harness.errors import ExitCode, HarnessError
from harness.image.toolchain import find_toolchain
from harness.options.selection import Selection
from harness.results.judge.sweep_row import SweepRow
from harness.results.recording import RecordElsewhereError, keep_record, record_of
from harness.runs.bench import bench
from harness.runs.health import Health
from harness.runs.request import RunRequest
from harness.support.progress import Progress


def sweep(
    selection: Selection, board: BoardOptions, progress: Progress, rows: list[SweepRow]
) -> None:
    """Run every combination of `selection`, and append each result to `rows`."""
    names = list(
        product(
            selection.targets,
            selection.models,
            selection.engines,
            selection.toolchains,
            selection.opts,
        )
    )
    health = Health()
    for position, (target, model, engine, toolchain, opt) in enumerate(names, 1):
        row = SweepRow(target, model, engine, toolchain, opt)
        try:
            with progress.step(f"{position} of {len(names)}: {row}"):
                rows.append(_run(selection, row, board, progress, health))
        except HarnessError as error:
            rows.append(replace(row, reasons=[str(error)], code=error.exit_code))


def _run(
    selection: Selection, row: SweepRow, board: BoardOptions, progress: Progress, health: Health
) -> SweepRow:
    request = RunRequest(
        target=selection.target(row.target),
        model=selection.model(row.model),
        workspace=selection.workspace,
        engine=selection.engine(row.engine),
        toolchain=find_toolchain(row.toolchain, row.opt),
        progress=progress,
        board_options=board,
        health=health,
    )
    with bench(request) as dut:
        run = dut.run()
    record = record_of(run, selection.workspace)
    code = ExitCode.PASSED if record.verdict == "passed" else ExitCode.FAILED
    measured = replace(row, numbers=record.numbers, reasons=record.reasons, code=code)
    try:
        keep_record(record, selection.workspace)
    except RecordElsewhereError as error:
        reasons = [*record.reasons, str(error)]
        return replace(measured, reasons=reasons, code=error.exit_code)
    return measured
