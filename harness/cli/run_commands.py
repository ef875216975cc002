"""The commands that build and run models: run, sweep."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

from harness.board.board_options import BoardOptions
from harness.cli.judge_commands import judgements_of, print_judgements
from harness.cli.sweep import sweep
from harness.errors import ExitCode, InfrastructureError
from harness.options.farm_places import noting_places
from harness.options.idle_options import check_all
from harness.options.json_option import add_json_option
from harness.options.plot_option import add_plot_option, plot_path
from harness.options.run_options import (
    RunOptions,
    add_run_options,
    add_vectors,
    board_options,
)
from harness.options.selection import Choice, Selection, add_options, notes_of
from harness.report.folders_note import print_note
from harness.report.json_documents.run_document import RunResults, failed_run, run_document
from harness.report.json_documents.sweep_document import sweep_document
from harness.report.runs_report import left_out_text, print_runs
from harness.report.sweep_table import plot_sweep, print_sweep
from harness.results.judge.gate import Gate
from harness.results.judge.sweep_row import SweepRow
from harness.results.recording import keep_record, record_of
from harness.results.store.upload import StoreUpload
from harness.runs.health import SetAsideError
from harness.runs.movable_dut import movable_bench
from harness.runs.quick import Quick
from harness.runs.request import RunRequest
from harness.support.json_output import Problem, noting_the_end
from harness.support.json_stream import JsonOutput
from harness.support.progress import Progress
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    run = parsers["run"]
    add_run_options(lambda title: run.add_argument_group(title).add_argument)
    run.set_defaults(command=_run)
    add_json_option(run.add_argument)
    swept = parsers["sweep"]
    add_options(swept.add_argument)
    BoardOptions.add_options(swept.add_argument)
    add_vectors(swept.add_argument)
    add_plot_option(swept.add_argument)
    add_json_option(swept.add_argument)
    swept.set_defaults(command=_sweep)


def _run(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step(
        "building the sketch" if options.sketch else "reading the targets and models"
    ):
        run_options = RunOptions.of(options, workspace)
        check_all(options, run_options.selection)
        for name in run_options.selection.targets:
            run_options.meter.check(run_options.selection.target(name))
        run_options.selection.check_vectors(run_options.quick)
    selection = run_options.selection
    upload = StoreUpload(run_options.store, workspace)
    choices = list(selection.combinations())
    results = RunResults(selected=len(choices), notes=notes_of(selection))
    output: JsonOutput | None = options.json_output
    tables = _Tables(results, selection, upload, notes=not options.quiet)
    try:
        with (
            noting_the_end(results.problems),
            upload,
            nullcontext() if output else tables,
            run_options.meter as metering,
            noting_places(selection, run_options.board) as board,
        ):
            run_options = replace(run_options, board=board)
            for choice in choices:
                request = run_options.request(choice, progress, metering)
                if _add_run(results, choice, request):
                    upload.add(results.paths[-1])
        for text in upload.errors:
            print(f"harness: {text}", file=sys.stderr)
            results.problems.append(Problem.of(InfrastructureError(text)))
        if run_options.gate and results.paths and results.code is not ExitCode.FAILED:
            _judge(results, run_options.gate, shown=output is None)
    finally:
        if output and (results.records or results.not_run):
            output.print(run_document(results))
    return results.code


def _add_run(results: RunResults, choice: Choice, request: RunRequest) -> bool:
    """Run the choice, and return whether there is a Record.

    An infrastructure error says nothing about other runs.
    """
    try:
        with request.progress.step(request.title), movable_bench(request) as dut:
            run, moves = dut.run(), dut.take_moves()
    except InfrastructureError as error:
        results.not_run.append(failed_run(choice.names, error))
        if not isinstance(error, SetAsideError):
            _explain(error, request)
        return False
    results.records.append(record_of(run, request.workspace, moves))
    results.paths.append(keep_record(results.records[-1], request.workspace))
    return True


def _explain(error: InfrastructureError, request: RunRequest) -> None:
    print(f"harness: {error}", file=sys.stderr)
    name = request.target.name
    if why := request.health.why_not(name):
        print(f"harness: {name}: {why}; its other runs are not tried", file=sys.stderr)


@dataclass
class _Tables:
    """Prints at the end what was measured, even if a record cannot be written or a run fails."""

    results: RunResults
    selection: Selection
    upload: StoreUpload
    notes: bool

    def __enter__(self) -> None:
        """Do nothing yet."""

    def __exit__(self, *_: object) -> None:
        results, selection, workspace = self.results, self.selection, self.selection.workspace
        if results.records:
            history = self.upload.history
            print_runs(results.records, selection.engines, history, workspace, Terminal())
        ran, failed = len(results.records), len(results.not_run)
        if left_out := left_out_text(ran, failed, results.selected):
            print(left_out)
        if results.records and self.notes:
            print(*filter(None, [selection.note, f"records: {workspace.runs}"]), sep="\n")
            print_note(workspace, Terminal())


def _judge(results: RunResults, gate: Gate, *, shown: bool) -> None:
    """Add the judgements of the gate on runs that passed."""
    results.judgements = judgements_of(gate, results.paths)
    if shown:
        print_judgements(results.judgements, gate.folder)


def _sweep(options: argparse.Namespace, workspace: Workspace) -> int:
    progress: Progress = options.progress
    with progress.step("reading the targets and models"):
        selection = Selection.of(options, workspace)
        check_all(options, selection)
        quick = Quick(options.vectors)
        selection.check_vectors(quick)
    plot = plot_path(options)
    output: JsonOutput | None = options.json_output
    selected = len(selection.names)
    rows: list[SweepRow] = []
    problems: list[Problem] = []
    try:
        with noting_the_end(problems), noting_places(selection, board_options(options)) as board:
            sweep(selection, board, quick, progress, rows)
            drawn = any(not row.reasons for row in rows)
            if plot and drawn:
                plot_sweep(rows, plot)
    finally:
        if output and rows:
            output.print(sweep_document(rows, selected, problems, notes_of(selection)))
        elif not output:
            _print_sweep(rows, selected, selection, notes=not options.quiet)
    if plot and drawn:
        print(f"plot: {plot}")
    return max(row.code for row in rows)


def _print_sweep(
    rows: Sequence[SweepRow], selected: int, selection: Selection, *, notes: bool
) -> None:
    if rows:
        print_sweep(rows, Terminal())
    if left_out := left_out_text(len(rows), 0, selected):
        print(left_out)
    if rows and notes:
        print_note(selection.workspace, Terminal())
