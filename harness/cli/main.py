"""The `harness` command: the functions that the pytest fixtures call, without pytest."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from harness import __version__
from harness.board.board_options import Reach
from harness.board.renode.installation import download, find_renode
from harness.cli import (
    judge_commands,
    measure_commands,
    mlperf_command,
    model_commands,
    result_commands,
)
from harness.engines.registry import ENGINES, find_engine
from harness.errors import HarnessError, InfrastructureError
from harness.harness_toml import tflm_tree
from harness.image.arduino.arduino_library import assemble, sketchbook
from harness.image.arduino.sketch import add_options as add_sketch_options
from harness.image.build import build_image
from harness.image.prebuilt import add_option as add_elf_option
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.measure.energy.meters.metering import Metering
from harness.model.folder import list_models, load_model
from harness.options.selection import Selection, add_options
from harness.report.engines_table import print_side_by_side
from harness.report.runs_table import print_table
from harness.results.judge.gate import Gate, add_baseline_option
from harness.results.judge.history import history_of
from harness.results.judge.side_by_side import side_by_side
from harness.results.record import read_record
from harness.results.store.open_results import add_store_option
from harness.results.store.upload import Sharing
from harness.run.layer_profile import add_option as add_profile_option
from harness.run.mlperf.mlperf_bench import add_options as add_protocol_options
from harness.run.mlperf.mlperf_bench import bench_of, plan_of, speaks_mlperf
from harness.simulator.serve_options import add_options as add_virtual_options
from harness.support.exit_codes import (
    FAILED,
    INFRASTRUCTURE,
    INTERRUPTED,
    PASSED,
    REGRESSION,
    USAGE,
)
from harness.support.progress import Progress
from harness.target.target_file import list_targets, load_target
from harness.workspace import Workspace

T = TypeVar("T")

__all__ = [
    "FAILED",
    "INFRASTRUCTURE",
    "INTERRUPTED",
    "PASSED",
    "REGRESSION",
    "USAGE",
    "main",
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code, one of harness/support/exit_codes.py."""
    options = _parser().parse_args(arguments)
    workspace = Workspace(Path.cwd())
    try:
        code: int = options.command(options, workspace)
    except InfrastructureError as error:
        print(f"harness: {error}", file=sys.stderr)
        return INFRASTRUCTURE
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("harness: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="int8 models on Cortex-M")
    parser.add_argument("--version", action="version", version=f"harness {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run models on targets, print the table, record it")
    build = commands.add_parser("build", help="build images; says where the generated C is")
    for command, function in ((run, _run), (build, _build)):
        add_options(command.add_argument)
        command.set_defaults(command=function)
    add_elf_option(run.add_argument)
    add_sketch_options(run.add_argument)
    Reach.add_options(run.add_argument)
    add_profile_option(run.add_argument)
    add_protocol_options(run.add_argument)
    Metering.add_options(run.add_argument)
    add_store_option(run.add_argument)
    add_baseline_option(run.add_argument)
    lists = commands.add_parser("list", help="list what can be named")
    lists.add_argument("what", choices=("targets", "models", "engines", "toolchains"))
    lists.set_defaults(command=_list)
    measure_commands.add_commands(commands)
    mlperf_command.add_command(commands)
    result_commands.add_commands(commands)
    judge_commands.add_commands(commands)
    doctor = commands.add_parser("doctor", help="say what is missing for which target")
    doctor.set_defaults(command=_doctor)
    setup = commands.add_parser("setup", help="put in place what no package manager has")
    setup.add_argument("what", choices=("renode", "arduino"), help="arduino: the library")
    setup.add_argument(
        "--sketchbook",
        type=Path,
        metavar="DIR",
        help=f"where Arduino keeps its libraries (default: {sketchbook()})",
    )
    setup.set_defaults(command=_setup)
    model_commands.add_commands(commands.add_parser("models", help="show, add, train models"))
    virtual = commands.add_parser("virtual", help="virtual boards, for anybody's tools")
    virtual_commands = virtual.add_subparsers(required=True, metavar="COMMAND")
    serve = virtual_commands.add_parser("serve", help="run a virtual board until Ctrl-C")
    add_virtual_options(serve)
    serve.set_defaults(command=_serve)
    return parser


def _run(options: argparse.Namespace, workspace: Workspace) -> int:
    selection = _selection(options, workspace)
    progress = Progress(sys.stderr)
    reach = Reach.of(options)
    if speaks_mlperf(options):
        plan_of(options)
    gate = Gate(options.baseline, workspace, options.store) if options.baseline else None
    records: list[Path] = []
    sharing = Sharing(options.store)

    def recorded(path: Path) -> None:
        records.append(path)
        sharing.add(path)

    metering = Metering.of(options)
    for name in selection.targets:
        metering.check(selection.target(name))
    with _tables_in_the_end(records, selection, options.store), metering:
        for target, model, engine, toolchain in selection.combinations():
            with bench_of(
                options,
                target,
                model,
                engine,
                toolchain,
                workspace,
                progress,
                recorded,
                reach,
                metering,
                profile=options.profile or selection.compares_engines,
            ) as dut:
                dut.run()
    failed = [record for record in map(read_record, records) if record.verdict != "passed"]
    for record in failed:
        print(f"{record.model.name} on {record.target.name}:", *record.reasons, sep="\n  ")
    for error in sharing.errors:
        print(f"harness: {error}", file=sys.stderr)
    if failed:
        return FAILED
    if gate and not judge_commands.passes(gate, records):
        return REGRESSION
    return INFRASTRUCTURE if sharing.errors else PASSED


@contextmanager
def _tables_in_the_end(paths: Sequence[Path], selection: Selection, store: str) -> Iterator[None]:
    """Print what was recorded, also when a later run could not be made."""
    try:
        yield
    finally:
        if paths:
            records = [read_record(path) for path in paths]
            history = partial(history_of, url=store, workspace=selection.workspace)
            print_table(records, Console())
            print_side_by_side(side_by_side(records, selection.engines, history), Console())
            print(f"records: {paths[0].parent}")


def _build(options: argparse.Namespace, workspace: Workspace) -> int:
    say = Progress(sys.stderr).say
    for target, model, engine, toolchain in _selection(options, workspace).combinations():
        image = build_image(target, model, engine, workspace.images, say, toolchain)
        print(f"{model.name} for {target.name} with {image.engine_version}")
        print(f"  {toolchain.version}, {toolchain.opt}")
        print(f"  {image.elf.path}  ({'built before' if image.cached else 'built now'})")
        print(f"  build ID {image.build_id}")
        print(f"  flash {image.flash:,} of {target.memory.flash.size:,} bytes")
        print(f"  RAM   {image.ram:,} of {target.memory.ram.size:,} bytes")
        if image.heap:
            print("  heap  of the RAM that is left; a run measures how much")
            continue
        if image.arena_least:
            least = f", and the busiest layer needs {image.arena_least:,}"
            print(f"  arena {image.arena:,} bytes{least}")
            print(f"  where each buffer is in the arena: {image.directory / 'model' / 'model.c'}")
        else:
            print(f"  arena {image.arena:,} bytes, the least that the engine starts with")
    return PASSED


def _list(options: argparse.Namespace, workspace: Workspace) -> int:
    if options.what == "targets":
        rows = [
            (name, _described(lambda path: load_target(path).description, path))
            for name, path in list_targets(workspace.targets).items()
        ]
    elif options.what == "models":
        rows = [
            (name, _described(lambda path: load_model(path).description, path))
            for name, path in list_models(workspace.models).items()
        ]
    elif options.what == "engines":
        tflm = tflm_tree(workspace.root)
        rows = [
            (name, _described(lambda n: find_engine(n, tflm).version, name)) for name in ENGINES
        ]
    else:
        rows = [
            (name, _described(lambda n: find_toolchain(n).version, name)) for name in TOOLCHAINS
        ]
    width = max((len(name) for name, _ in rows), default=0)
    for name, description in sorted(rows):
        print(f"{name:{width}}  {description}")
    return PASSED


def _described(describe: Callable[[T], str], thing: T) -> str:
    """Return the description, or what is wrong: one bad row does not spoil a list."""
    try:
        return describe(thing)
    except HarnessError as error:
        return str(error)


def _doctor(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    # Imported late: looking for probes loads all of pyOCD.
    from harness.cli.doctor import examine, print_findings  # noqa: PLC0415

    print_findings(*examine(workspace), Console())
    return PASSED


def _setup(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    if options.what == "arduino":
        library = assemble((options.sketchbook or sketchbook()) / "libraries")
        print(f"{library}; its example: {library / 'examples' / 'RunModel'}")
        return PASSED
    download()
    found = find_renode()
    print(f"{found.version}: {found.executable} (by {found.found})")
    return PASSED


def _serve(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    from harness.simulator.serve import serve  # noqa: PLC0415 - unicorn

    return serve(
        options.chip,
        serial=options.serial,
        uart=options.uart,
        boot=options.boot,
        meter=options.meter,
        faults=options.fault,
    )


def _selection(options: argparse.Namespace, workspace: Workspace) -> Selection:
    selection = Selection.of(options, workspace)
    selection.check()
    return selection
