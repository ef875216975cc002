"""The commands that build and run models: run, sweep."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.board.board_options import BoardOptions
from harness.cli.judge_commands import passes
from harness.cli.sweep import sweep
from harness.errors import ExitCode, InfrastructureError
from harness.options.farm_places import noting_places
from harness.options.plot_option import add_plot_option, plot_path
from harness.options.run_options import (
    RunOptions,
    add_run_options,
    add_vectors,
    board_options,
)
from harness.options.selection import Selection, add_options
from harness.report.folders_note import print_note
from harness.report.runs_report import print_runs
from harness.report.sweep_table import plot_sweep, print_sweep
from harness.results.judge.sweep_row import SweepRow
from harness.results.record import Record
from harness.results.recording import keep_record, record_of
from harness.results.store.upload import StoreUpload
from harness.runs.health import SetAsideError
from harness.runs.movable_dut import movable_bench
from harness.runs.quick import Quick
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    run = parsers["run"]
    add_run_options(lambda title: run.add_argument_group(title).add_argument)
    run.set_defaults(command=_run)
    swept = parsers["sweep"]
    add_options(swept.add_argument)
    BoardOptions.add_options(swept.add_argument)
    add_vectors(swept.add_argument)
    add_plot_option(swept.add_argument)
    swept.set_defaults(command=_sweep)


def _run(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step(
        "building the sketch" if options.sketch else "reading the targets and models"
    ):
        run_options = RunOptions.of(options, workspace)
        run_options.selection.check()
        for name in run_options.selection.targets:
            run_options.meter.check(run_options.selection.target(name))
        run_options.selection.check_vectors(run_options.quick)
    upload = StoreUpload(run_options.store, workspace)
    records: list[Record] = []
    paths: list[Path] = []
    not_run = 0
    with (
        upload,
        _tables_at_the_end(records, run_options, upload),
        run_options.meter as metering,
        noting_places(run_options.selection, run_options.board) as board,
    ):
        run_options = replace(run_options, board=board)
        for choice in run_options.selection.combinations():
            record = _attempt(run_options, run_options.request(choice, progress, metering))
            if record is None:
                not_run += 1
                continue
            records.append(record)
            paths.append(keep_record(record, workspace))
            upload.add(paths[-1])
    for error in upload.errors:
        print(f"harness: {error}", file=sys.stderr)
    if any(record.verdict != "passed" for record in records):
        return ExitCode.FAILED
    if run_options.gate and paths and not passes(run_options.gate, paths):
        return ExitCode.REGRESSION
    return ExitCode.INFRASTRUCTURE if upload.errors or not_run else ExitCode.PASSED


def _attempt(run_options: RunOptions, request: RunRequest) -> Record | None:
    """Return the Record of a run; None after an infrastructure error: the other runs go on."""
    health, name = run_options.health, request.target.name
    try:
        with request.progress.step(request.title), movable_bench(request) as dut:
            return record_of(dut.run(), request.workspace, dut.take_moves())
    except SetAsideError:
        return None  # it was said
    except InfrastructureError as error:
        print(f"harness: {error}", file=sys.stderr)
    if why := health.why_not(name):
        print(f"harness: {name}: {why}; its other runs are not tried", file=sys.stderr)
    return None


@contextmanager
def _tables_at_the_end(
    records: Sequence[Record], run_options: RunOptions, upload: StoreUpload
) -> Iterator[None]:
    """Print what was measured, even if a record cannot be written or a later run fails."""
    try:
        yield
    finally:
        if records:
            selection = run_options.selection
            print_runs(records, selection.engines, upload.history, selection.workspace, Terminal())
            if selection.note:
                print(selection.note)
            print(f"records: {selection.workspace.runs}")
            print_note(selection.workspace, Terminal())


def _sweep(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step("reading the targets and models"):
        selection = Selection.of(options, workspace)
        selection.check()
        quick = Quick(options.vectors)
        selection.check_vectors(quick)
    plot = plot_path(options)
    rows: list[SweepRow] = []
    try:
        with noting_places(selection, board_options(options)) as board:
            sweep(selection, board, quick, progress, rows)
    finally:
        if rows:
            print_sweep(rows, Terminal())
            print_note(workspace, Terminal())
    if plot and any(not row.reasons for row in rows):
        plot_sweep(rows, plot)
        print(f"plot: {plot}")
    return max(row.code for row in rows)
