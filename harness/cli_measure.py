"""The commands that look closer at what was measured."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.elf import Elf
from harness.measure.memory import pieces
from harness.report.memory import print_growth, print_memory
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
