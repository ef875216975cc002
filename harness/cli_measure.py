"""The commands that look closer at what was measured."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.elf import Elf
from harness.errors import InputError
from harness.measure.memory import pieces
from harness.names import suggest
from harness.progress import Progress
from harness.report.memory import print_growth, print_memory
from harness.workspace import Workspace

DONE = 0

_RANGE = re.compile(r"(0x[0-9a-f]+|\d+):(0x[0-9a-f]+|\d+)", re.IGNORECASE)


def add_commands(commands: Any) -> None:
    """Declare the commands among those of `harness`, which argparse's subparsers are."""
    size = commands.add_parser("size", help="where flash and RAM go, or what grew from A to B")
    size.add_argument("a", type=Path, metavar="A", help="an ELF, or the folder of an image")
    size.add_argument("b", type=Path, metavar="B", nargs="?", help="the image to compare with A")
    size.set_defaults(command=_size)
    calibrate = commands.add_parser(
        "calibrate", help="the cycle model beside published cycles, over programs you built"
    )
    add = calibrate.add_argument
    add("--elf-dir", type=Path, required=True, metavar="DIR", help="with PROGRAM.elf of each")
    add("--reference", type=Path, required=True, metavar="CSV", help="program,cycles")
    add("--start", required=True, metavar="SYMBOL", help="the function where counting begins")
    add("--stop", required=True, metavar="SYMBOL", help="the function where it ends")
    add("--core", default="cortex-m4f", help="(%(default)s)")
    add("--ram", default="0x20000000:0x100000", metavar="ORIGIN:SIZE", help="(%(default)s)")
    add("--budget", type=int, metavar="N", help="instructions to each symbol at most")
    calibrate.set_defaults(command=_calibrate)


def _size(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    asked = [path for path in (options.a, options.b) if path]
    elves = [Elf(path / "firmware.elf" if path.is_dir() else path) for path in asked]
    first, *second = map(pieces, elves)
    if second:
        print_growth(first, second[0], Console())
    else:
        print_memory(first, Console())
    return DONE


def _calibrate(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    # Unicorn and capstone, which no other command needs.
    from harness.measure.cycles.bare import BUDGET  # noqa: PLC0415
    from harness.measure.cycles.calibrate import (  # noqa: PLC0415
        compare,
        find_programs,
        read_reference,
    )
    from harness.measure.cycles.costs import cores, costs_of  # noqa: PLC0415
    from harness.report.calibration import print_calibration  # noqa: PLC0415

    if options.core not in cores():
        raise InputError(
            f"there is no cycle model of {options.core!r}",
            where="--core",
            remedy=suggest(options.core, cores()),
        )
    reference = read_reference(options.reference)
    programs = find_programs(options.elf_dir, list(reference))
    ram = _range(options.ram)
    costs = costs_of(options.core)
    budget = options.budget or BUDGET
    symbols = (options.start, options.stop)
    with Progress(sys.stderr).bar("programs", len(programs)) as step:
        found = list(compare(programs, reference, options.core, costs, symbols, ram, budget, step))
    print_calibration(found, costs, Console())
    return DONE


def _range(text: str) -> range:
    """Return the addresses of ORIGIN:SIZE."""
    found = _RANGE.fullmatch(text)
    origin, size = (int(part, 0) for part in found.groups()) if found else (0, 0)
    if not size or origin + size > 1 << 32:
        raise InputError(
            f"{text!r} is no ORIGIN:SIZE within 32 bits", where="--ram", remedy="0x20000000:0x20000"
        )
    return range(origin, origin + size)
