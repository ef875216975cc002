"""The commands that run or build what the options ask for."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console

from harness.board.board_options import BoardOptions
from harness.cli.command_groups import CommandGroup
from harness.cli.judge_commands import passes
from harness.cli.sweep import sweep
from harness.errors import ExitCode
from harness.image.build import build_image
from harness.options.run_options import (
    RunOptions,
    add_run_options,
    board_options,
)
from harness.options.selection import Selection, add_options
from harness.report.engines_table import print_side_by_side
from harness.report.runs_table import print_table
from harness.report.sweep_table import plot_sweep, print_sweep
from harness.results.judge.history import history_of
from harness.results.judge.side_by_side import side_by_side
from harness.results.judge.sweep_row import SweepRow
from harness.results.record import read_record
from harness.results.recording import record_run
from harness.results.store.upload import StoreUpload
from harness.runs.bench import bench
from harness.support.progress import Progress
from harness.workspace import Workspace


def add_commands(group: CommandGroup) -> None:
    """Declare the commands in `group`."""
    run = group.add("run", "run models on targets, print a table, write Records")
    add_run_options(run.add_argument)
    run.set_defaults(command=_run)
    build = group.add("build", "build images, and print where the generated C is")
    add_options(build.add_argument)
    build.set_defaults(command=_build)
    swept = group.add("sweep", "run every combination: which is small, which is fast")
    add_options(swept.add_argument)
    BoardOptions.add_options(swept.add_argument)
    swept.add_argument("--plot", type=Path, metavar="FILE", help="plot them: .svg, .png or .pdf")
    swept.set_defaults(command=_sweep)


def _run(options: argparse.Namespace, workspace: Workspace) -> int:
    asked = RunOptions.of(options, workspace)
    asked.selection.check()
    for name in asked.selection.targets:
        asked.meter.check(asked.selection.target(name))
    upload = StoreUpload(asked.store)
    progress = Progress(sys.stderr)
    paths: list[Path] = []
    with _tables_at_the_end(paths, asked), asked.meter as metering:
        for combination in asked.selection.combinations():
            with bench(asked.request(combination, progress, metering)) as dut:
                paths.append(record_run(dut.run(), workspace))
            upload.add(paths[-1])
    failed = [record for record in map(read_record, paths) if record.verdict != "passed"]
    for record in failed:
        print(f"{record.model.name} on {record.target.name}:", *record.reasons, sep="\n  ")
    for error in upload.errors:
        print(f"harness: {error}", file=sys.stderr)
    if failed:
        return ExitCode.FAILED
    if asked.gate and not passes(asked.gate, paths):
        return ExitCode.REGRESSION
    return ExitCode.INFRASTRUCTURE if upload.errors else ExitCode.PASSED


@contextmanager
def _tables_at_the_end(paths: Sequence[Path], asked: RunOptions) -> Iterator[None]:
    """Print what was recorded, even if a later run failed."""
    try:
        yield
    finally:
        if paths:
            records = [read_record(path) for path in paths]
            selection = asked.selection
            history = partial(history_of, url=asked.store, workspace=selection.workspace)
            print_table(records, Console())
            print_side_by_side(side_by_side(records, selection.engines, history), Console())
            print(f"records: {paths[0].parent}")


def _build(options: argparse.Namespace, workspace: Workspace) -> int:
    say = Progress(sys.stderr).say
    selection = Selection.of(options, workspace)
    selection.check()
    for target, model, engine, toolchain in selection.combinations():
        image = build_image(target, model, engine, workspace.images, say, toolchain)
        print(f"{model.name} for {target.name} with {image.engine_version}")
        print(f"  {toolchain.version}, {toolchain.opt}")
        print(f"  {image.elf.path}  ({'built before' if image.cached else 'built now'})")
        print(f"  build ID {image.build_id}")
        print(f"  flash {image.flash:,} of {target.memory.flash.size:,} bytes")
        print(f"  RAM   {image.ram:,} of {target.memory.ram.size:,} bytes")
        if image.heap:
            print("  heap  in the RAM that is left; a run measures how much is used")
        elif image.arena_least:
            least = f", and the busiest layer needs {image.arena_least:,}"
            print(f"  arena {image.arena:,} bytes{least}")
            print(f"  where each buffer is in the arena: {image.directory / 'model' / 'model.c'}")
        else:
            print(f"  arena {image.arena:,} bytes, the least with which the engine starts")
    return ExitCode.PASSED


def _sweep(options: argparse.Namespace, workspace: Workspace) -> int:
    selection = Selection.of(options, workspace)
    selection.check()
    if options.plot:
        from harness.report.plot_file import check_path  # noqa: PLC0415 - matplotlib

        check_path(options.plot)
    rows: list[SweepRow] = []
    try:
        sweep(selection, board_options(options), Progress(sys.stderr), rows)
    finally:
        if rows:
            print_sweep(rows, Console())
    if options.plot and any(not row.reasons for row in rows):
        plot_sweep(rows, options.plot)
        print(f"plot: {options.plot}")
    return max(row.code for row in rows)
