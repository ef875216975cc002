"""The commands that analyse images and layers: size, profile, calibrate."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from harness.board.board_options import BoardOptions
from harness.board.derivations import derivations
from harness.elf import Elf
from harness.errors import ExitCode, InputError
from harness.image.memory_use import pieces
from harness.options.idle_options import check_all
from harness.options.json_option import add_json_option
from harness.options.plot_option import add_plot_option, plot_path
from harness.options.run_options import board_options
from harness.options.selection import Selection, add_options
from harness.report.functions_table import print_functions
from harness.report.json_documents.profile_document import ProfileDocument, profiled
from harness.report.json_documents.size_document import size_document
from harness.report.memory_table import print_growth, print_memory
from harness.report.profile_table import plot_profile, print_profile
from harness.report.terminal_lines import keeping
from harness.runs.bench import link_bench
from harness.runs.request import RunRequest
from harness.support.json_stream import JsonOutput
from harness.support.numbers import address, whole_number
from harness.support.progress import Progress
from harness.support.suggestions import suggest
from harness.support.terminal import Terminal
from harness.target.find_target import find_target
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    size = parsers["size"]
    size.add_argument("a", type=Path, metavar="A", help="an ELF file, or the folder of an image")
    size.add_argument("b", type=Path, metavar="B", nargs="?", help="the image to compare with A")
    size.add_argument(
        "--target", metavar="TARGET", help="also show what is left of the memory of TARGET"
    )
    add_json_option(size.add_argument)
    size.set_defaults(command=_size)
    profile = parsers["profile"]
    add_options(profile.add_argument)
    BoardOptions.add_options(profile.add_argument)
    add_plot_option(profile.add_argument)
    add_json_option(profile.add_argument)
    profile.set_defaults(command=_profile)
    calibrate = parsers["calibrate"]
    add = calibrate.add_argument
    add(
        "--elf-dir",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with PROGRAM.elf for each program",
    )
    add(
        "--reference",
        type=Path,
        required=True,
        metavar="CSV",
        help="published cycles, with columns program,cycles",
    )
    add("--start", required=True, metavar="SYMBOL", help="the function at which counting starts")
    add("--stop", required=True, metavar="SYMBOL", help="the function at which counting stops")
    add("--core", default="cortex-m4f", help="core of the cycle model (default: %(default)s)")
    add(
        "--ram",
        default="0x20000000:0x100000",
        metavar="ORIGIN:SIZE",
        help="RAM of the programs (default: %(default)s)",
    )
    add(
        "--budget",
        type=whole_number(1, 10**12),
        metavar="N",
        help="maximum number of instructions before each symbol",
    )
    add_json_option(add)
    calibrate.set_defaults(command=_calibrate)


def _size(options: argparse.Namespace, workspace: Workspace) -> int:
    name = options.target
    known = derivations(roots=workspace.targets)
    memory = find_target(name, workspace.targets, known).memory if name else None
    paths = [path for path in (options.a, options.b) if path]
    elves = [Elf(path / "firmware.elf" if path.is_dir() else path) for path in paths]
    if memory is not None:
        elves[-1].sizes(memory)  # raises for an image with another memory map
    first, *second = map(pieces, elves)
    output: JsonOutput | None = options.json_output
    if output:
        files = [elf.path for elf in elves]
        output.print(size_document(files, [first, *second], memory))
    elif second:
        print_growth(first, second[0], Terminal(), memory)
    else:
        print_memory(first, Terminal(), memory)
    return ExitCode.PASSED


def _profile(options: argparse.Namespace, workspace: Workspace) -> int:
    # Unicorn and capstone.
    from harness.measure.cycles.inference_estimate import why_no_estimate  # noqa: PLC0415

    progress: Progress = options.progress
    with progress.step("reading the targets and models"):
        selection = Selection.of(options, workspace)
        check_all(options, selection)
        combinations = list(selection.combinations())
    plot = plot_path(options)
    if plot and len(combinations) != 1:
        raise InputError(
            f"one plot cannot show {len(combinations)} profiles",
            where="--plot",
            remedy="name one --target, --model, --engine, --toolchain and --opt",
        )
    output: JsonOutput | None = options.json_output
    documented = []
    for choice in combinations:
        target, model = choice.target, choice.model
        request = RunRequest(
            target=target,
            model=model,
            workspace=workspace,
            engine=choice.engine,
            toolchain=choice.toolchain,
            progress=progress,
            board_options=board_options(options),
        )
        with progress.step(request.title), link_bench(request) as dut:
            layers = dut.profile()
        reason = why_no_estimate(target, layers.measured, patient=True)
        estimate = reason or dut.estimate(layers.measured)
        title = f"{model.name} on {target.name}, {choice.engine.name}, {choice.toolchain.name}"
        if plot:
            plot_profile(layers, title, target.counter.ticks, plot)
        if output:
            documented.append(profiled(choice.names, target, layers, estimate))
            continue
        heading = keeping(title, model.name, target.name, style="bold")
        print_profile(layers, heading, target.counter.ticks, Terminal())
        if plot:
            print(f"plot: {plot}")
        if isinstance(estimate, str):
            print(f"no cycles of functions: {estimate}")
        else:
            print_functions(estimate, Terminal())
    if output:
        output.print(ProfileDocument(profiles=documented, plot=str(plot or "")))
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
    from harness.report.json_documents.calibration_document import (  # noqa: PLC0415
        calibration_document,
    )
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
    with options.progress.step("executing", len(programs), "programs") as step:
        comparisons = list(
            compare(programs, reference, options.core, costs, symbols, ram, budget, step)
        )
    output: JsonOutput | None = options.json_output
    if output:
        output.print(calibration_document(comparisons, costs))
    else:
        print_calibration(comparisons, costs, Terminal())
    return ExitCode.PASSED


def _range(text: str) -> range:
    """Return the addresses of ORIGIN:SIZE."""
    try:
        origin, size = map(address, text.split(":"))
    except (ValueError, argparse.ArgumentTypeError):
        origin = size = 0
    if not size or origin + size > 1 << 32:
        raise InputError(
            f"{text!r} is not ORIGIN:SIZE within 32 bits",
            where="--ram",
            remedy="write it as in 0x20000000:0x20000",
        )
    return range(origin, origin + size)
