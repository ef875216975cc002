"""The commands that look closer at what was measured."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.board.reach import Reach
from harness.elf import Elf
from harness.measure.memory import pieces
from harness.progress import Progress
from harness.report.memory import print_growth, print_memory
from harness.report.sweep import plot_sweep, print_sweep
from harness.selection import Selection, add_options
from harness.sweep import Row, sweep
from harness.target import find_target
from harness.workspace import Workspace

DONE = 0


def add_commands(commands: Any) -> None:
    """Declare the commands among those of `harness`, which argparse's subparsers are."""
    size = commands.add_parser("size", help="where flash and RAM go, or what grew from A to B")
    size.add_argument("a", type=Path, metavar="A", help="an ELF, or the folder of an image")
    size.add_argument("b", type=Path, metavar="B", nargs="?", help="the image to compare with A")
    size.add_argument("--target", metavar="TARGET", help="say what is left of its memory")
    size.set_defaults(command=_size)
    sweep = commands.add_parser("sweep", help="run all combinations: which are small, which fast")
    add_options(sweep.add_argument)
    Reach.add_options(sweep.add_argument)
    sweep.add_argument("--plot", type=Path, metavar="FILE", help="plot them: .svg, .png or .pdf")
    sweep.set_defaults(command=_sweep)


def _size(options: argparse.Namespace, workspace: Workspace) -> int:
    memory = find_target(options.target, workspace.targets).memory if options.target else None
    asked = [path for path in (options.a, options.b) if path]
    elves = [Elf(path / "firmware.elf" if path.is_dir() else path) for path in asked]
    if memory is not None:
        elves[-1].sizes(memory)  # refuses an image for another memory map
    first, *second = map(pieces, elves)
    if second:
        print_growth(first, second[0], Console(), memory)
    else:
        print_memory(first, Console(), memory)
    return DONE


def _sweep(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.plot import check_path  # noqa: PLC0415 - matplotlib

    selection = Selection.of(options, workspace)
    selection.check()
    if options.plot:
        check_path(options.plot)
    rows: list[Row] = []
    try:
        sweep(selection, Reach.of(options), Progress(sys.stderr), rows)
    finally:
        if rows:
            print_sweep(rows, Console())
    if options.plot and any(not row.reasons for row in rows):
        plot_sweep(rows, options.plot)
        print(f"plot: {options.plot}")
    return max(row.code for row in rows)
