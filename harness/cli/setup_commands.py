"""The commands about this machine: doctor, setup, virtual."""

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.board.renode.installation import download, find_renode
from harness.cli.command_groups import add_subcommand
from harness.errors import ExitCode, HarnessError
from harness.image.arduino.arduino_library import assemble, sketchbook
from harness.options.json_option import add_json_option
from harness.report.json_documents.machine_documents import DoctorDocument, SetupDocument
from harness.simulator.chip_names import is_board
from harness.simulator.peripherals.uart import ALL_UARTS
from harness.simulator.serve_document import VirtualServeDocument
from harness.simulator.serve_options import add_options as add_virtual_options
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.target.find_target import list_targets, load_target
from harness.target.target_file import Pyocd, Target, Virtual
from harness.workspace import Workspace

T = TypeVar("T")


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    doctor = parsers["doctor"]
    doctor.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="TARGET",
        help=f"check this target; the exit code is {ExitCode.INFRASTRUCTURE} if it cannot run",
    )
    add_json_option(doctor.add_argument)
    doctor.set_defaults(command=_doctor)
    setup = parsers["setup"]
    setup.add_argument(
        "what", choices=("renode", "arduino"), help="Renode, or the Arduino library TinyMLHarness"
    )
    setup.add_argument(
        "--sketchbook",
        type=Path,
        metavar="DIR",
        help="Arduino's folder for libraries and sketches (default: the one in your home folder)",
    )
    add_json_option(setup.add_argument)
    setup.set_defaults(command=_setup)
    virtual = parsers["virtual"]
    virtual_commands = virtual.add_subparsers(required=True, metavar="COMMAND")
    serve = add_subcommand(virtual_commands, "serve", "run a virtual board until Ctrl-C")
    add_virtual_options(serve)
    serve.set_defaults(command=_serve)


def _doctor(options: argparse.Namespace, workspace: Workspace) -> int:
    with options.progress.step("checking this machine"):
        # Imported late: the search for probes loads all of pyOCD.
        from harness.cli.doctor import print_checks, run_checks  # noqa: PLC0415

        machine, targets = run_checks(workspace, options.target, options.progress.step)
    output: JsonOutput | None = options.json_output
    if output:
        output.print(DoctorDocument(machine=machine, targets=targets))
    else:
        print_checks(machine, targets, Terminal())
    runs = not options.target or all(check.ok for check in targets)
    return ExitCode.PASSED if runs else ExitCode.INFRASTRUCTURE


def _setup(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    output: JsonOutput | None = options.json_output
    if options.what == "arduino":
        with options.progress.step("writing the Arduino library"):
            library = assemble((options.sketchbook or sketchbook()) / "libraries")
        document = SetupDocument(what="arduino", version="", path=str(library))
        text = f"{library}; its example: {library / 'examples' / 'RunModel'}"
    else:
        download()
        renode = find_renode()
        path = str(renode.executable)
        document = SetupDocument(what="renode", version=renode.version, path=path)
        text = f"{renode.version}: {path} (from {renode.source})"
    if output:
        output.print(document)
    else:
        print(text)
    return ExitCode.PASSED


def _serve(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.simulator.serve_options import serve_with  # noqa: PLC0415 - unicorn

    return serve_with(options, partial(_advice, options, workspace))


def _advice(options: argparse.Namespace, workspace: Workspace, served: VirtualServeDocument) -> str:
    """Return a command that runs a model on the board; empty if no target fits the options.

    The target that has the board's name comes first.
    """
    from harness.runs.check.board_check import MODEL  # noqa: PLC0415 - all that runs need

    fitting = []
    for path in list_targets(workspace.targets).values():
        try:
            target = load_target(path)
        except HarnessError:
            continue  # `harness list targets` shows why
        if _fits(options, target, served):
            fitting.append(target.name)
    fitting.sort(key=lambda name: not is_board(served.board, name))
    command = f"harness run --model={MODEL} --probe={served.probe} --target="
    return command + fitting[0] if fitting else ""


def _fits(options: argparse.Namespace, target: Target, served: VirtualServeDocument) -> bool:
    """Return whether images of `target` run on the virtual board `served`, made by `options`."""
    board = target.board
    if target.arduino is not None:
        return False
    if type(board) is Pyocd:
        own = options.boot is None and is_board(served.board, target.name)
        return own and (not options.uart or served.uart == ALL_UARTS)
    if not isinstance(board, Virtual) or (board.chip, board.boot) != (served.chip, options.boot):
        return False
    return target.port.over_rtt or served.uart in (ALL_UARTS, board.uart.upper())
