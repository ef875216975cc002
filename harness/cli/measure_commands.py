"""The commands that look closer at what was measured."""

import argparse
import re
import sys
from pathlib import Path

from rich.console import Console

from harness.board.board_options import BoardOptions
from harness.cli.command_groups import CommandGroup
from harness.elf import Elf
from harness.errors import ExitCode, InputError
from harness.image.memory_use import pieces
from harness.options.run_options import board_options
from harness.options.selection import Selection, add_options
from harness.report.functions_table import print_functions
from harness.report.memory_table import print_growth, print_memory
from harness.report.profile_table import plot_profile, print_profile
from harness.runs.bench import link_bench
from harness.runs.request import RunRequest
from harness.support.progress import Progress
from harness.support.suggestions import suggest
from harness.target.find_target import find_target
from harness.workspace import Workspace

_RANGE = re.compile(r"(0x[0-9a-f]+|\d+):(0x[0-9a-f]+|\d+)", re.IGNORECASE)


def add_commands(group: CommandGroup) -> None:
    """Declare the commands in `group`."""
    size = group.add("size", "where flash and RAM go, or what grew from image A to image B")
    size.add_argument("a", type=Path, metavar="A", help="an ELF, or the folder of an image")
    size.add_argument("b", type=Path, metavar="B", nargs="?", help="the image to compare with A")
    size.add_argument("--target", metavar="TARGET", help="say what is left of its memory")
    size.set_defaults(command=_size)
    profile = group.add("profile", "ticks, MACs and share of each layer; cycles of each function")
    add_options(profile.add_argument)
    BoardOptions.add_options(profile.add_argument)
    profile.add_argument("--plot", type=Path, metavar="FILE", help="a bar plot: .svg, .png or .pdf")
    profile.set_defaults(command=_profile)
    calibrate = group.add(
        "calibrate", "compare the cycle model with published cycles, over programs you built"
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
    return ExitCode.PASSED


def _profile(options: argparse.Namespace, workspace: Workspace) -> int:
    # Unicorn and capstone.
    from harness.measure.cycles.inference_estimate import why_no_estimate  # noqa: PLC0415

    selection = Selection.of(options, workspace)
    selection.check()
    asked = list(selection.combinations())
    if options.plot:
        from harness.report.plot_file import check_path  # noqa: PLC0415 - matplotlib

        check_path(options.plot)
    if options.plot and len(asked) != 1:
        raise InputError(
            f"one plot cannot show {len(asked)} profiles",
            where="--plot",
            remedy="name one --target, one --model, one --engine and one --toolchain",
        )
    for target, model, engine, toolchain in asked:
        request = RunRequest(
            target=target,
            model=model,
            workspace=workspace,
            engine=engine,
            toolchain=toolchain,
            progress=Progress(sys.stderr),
            board_options=board_options(options),
        )
        with link_bench(request) as dut:
            found = dut.profile()
        title = f"{model.name} on {target.name}, {engine.name}, {toolchain.name}"
        print_profile(found, title, target.counter.ticks, Console())
        if options.plot:
            plot_profile(found, title, target.counter.ticks, options.plot)
            print(f"plot: {options.plot}")
        if reason := why_no_estimate(target, found.measured, patient=True):
            print(f"functions: {reason}")
        else:
            print_functions(dut.estimate(found.measured), Console())
    return ExitCode.PASSED


def _calibrate(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    # Unicorn and capstone, which no other command needs.
    from harness.measure.cycles.calibrate import (  # noqa: PLC0415
        compare,
        find_programs,
        read_reference,
    )
    from harness.measure.cycles.costs import cores, costs_of  # noqa: PLC0415
    from harness.report.calibration_table import print_calibration  # noqa: PLC0415
    from harness.simulator.bare_core import BUDGET  # noqa: PLC0415

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
    return ExitCode.PASSED


def _range(text: str) -> range:
    """Return the addresses of ORIGIN:SIZE."""
    found = _RANGE.fullmatch(text)
    origin, size = (int(part, 0) for part in found.groups()) if found else (0, 0)
    if not size or origin + size > 1 << 32:
        raise InputError(
            f"{text!r} is no ORIGIN:SIZE within 32 bits", where="--ram", remedy="0x20000000:0x20000"
        )
    return range(origin, origin + size)
