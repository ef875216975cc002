"""The commands about this machine: list, doctor, setup, virtual."""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from harness.board.renode.installation import download, find_renode
from harness.cli.command_groups import add_subcommand
from harness.cli.target_list import DERIVED, print_list, print_targets
from harness.engines.registry import ENGINES, find_engine
from harness.errors import ExitCode, HarnessError
from harness.harness_toml import tflm_tree
from harness.image.arduino.arduino_library import assemble, sketchbook
from harness.image.toolchain import TOOLCHAINS, find_toolchain
from harness.model.folder import list_models, load_model
from harness.options.json_option import add_json_option
from harness.options.selection import default_models
from harness.report.json_documents.list_documents import (
    engines_document,
    models_document,
    targets_document,
    toolchains_document,
)
from harness.simulator.serve_options import add_options as add_virtual_options
from harness.support.json_output import Document, JsonOutput
from harness.support.terminal import Terminal
from harness.target.find_target import list_targets, load_target
from harness.target.target_file import Target, Virtual
from harness.workspace import Workspace

T = TypeVar("T")


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    lists = parsers["list"]
    lists.add_argument("what", choices=("targets", "models", "engines", "toolchains"))
    add_json_option(lists.add_argument)
    lists.set_defaults(command=_list)
    doctor = parsers["doctor"]
    doctor.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="TARGET",
        help=f"check this target; the exit code is {ExitCode.INFRASTRUCTURE} if it cannot run",
    )
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
    setup.set_defaults(command=_setup)
    virtual = parsers["virtual"]
    virtual_commands = virtual.add_subparsers(required=True, metavar="COMMAND")
    serve = add_subcommand(virtual_commands, "serve", "run a virtual board until Ctrl-C")
    add_virtual_options(serve)
    serve.set_defaults(command=_serve)


def _list(options: argparse.Namespace, workspace: Workspace) -> int:
    output: JsonOutput | None = options.json_output
    if output:
        output.print(_document(options.what, workspace))
        return ExitCode.PASSED
    if options.what == "targets":
        print_targets(list_targets(workspace.targets), Terminal())
        return ExitCode.PASSED
    if options.what == "models":
        _list_models(workspace)
        return ExitCode.PASSED
    if options.what == "engines":
        tflm = tflm_tree(workspace.root)
        rows = [
            (name, _described(lambda n: find_engine(n, tflm).version, name)) for name in ENGINES
        ]
    else:
        rows = [
            (name, _described(lambda n: find_toolchain(n).version, name)) for name in TOOLCHAINS
        ]
    print_list("", sorted(rows), Terminal())
    return ExitCode.PASSED


def _document(what: str, workspace: Workspace) -> Document:
    """Return the document with the list of `what`."""
    if what == "targets":
        return targets_document(workspace, DERIVED)
    if what == "models":
        return models_document(workspace, default_models(workspace))
    return engines_document(workspace) if what == "engines" else toolchains_document()


def _list_models(workspace: Workspace) -> None:
    """Print the models that run if none is named, and the others below them."""
    paths = list_models(workspace.models)
    default = sorted(default_models(workspace))
    others = sorted(set(paths) - set(default))
    has_own = bool(list_models(workspace.models[:1]))
    title = "" if has_own and not others else "your models" if has_own else "bundled models"
    for heading, names in ((title, default), ("bundled models", others)):
        rows = [
            (name, _described(lambda path: load_model(path).description, paths[name]))
            for name in names
        ]
        print_list(heading, rows, Terminal())
    if others:
        print(f"harness run takes your models; for a bundled one: harness run --model {others[0]}")


def _described(describe: Callable[[T], str], item: T) -> str:
    """Return the description, or the error: one invalid file must not hide the rest of the list."""
    try:
        return describe(item)
    except HarnessError as error:
        return str(error)


def _doctor(options: argparse.Namespace, workspace: Workspace) -> int:
    with options.progress.step("checking this machine"):
        # Imported late: the search for probes loads all of pyOCD.
        from harness.cli.doctor import print_checks, run_checks  # noqa: PLC0415

        machine, targets = run_checks(workspace, options.target, options.progress.step)
    print_checks(machine, targets, Terminal())
    runs = not options.target or all(check.ok for check in targets)
    return ExitCode.PASSED if runs else ExitCode.INFRASTRUCTURE


def _setup(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    if options.what == "arduino":
        with options.progress.step("writing the Arduino library"):
            library = assemble((options.sketchbook or sketchbook()) / "libraries")
        print(f"{library}; its example: {library / 'examples' / 'RunModel'}")
        return ExitCode.PASSED
    download()
    renode = find_renode()
    print(f"{renode.version}: {renode.executable} (from {renode.source})")
    return ExitCode.PASSED


def _serve(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.simulator.serve_options import serve_with  # noqa: PLC0415 - unicorn

    return serve_with(options, _advice(options, workspace))


def _advice(options: argparse.Namespace, workspace: Workspace) -> str:
    """Return a command that runs a model on the board; empty if no target fits the options."""
    from harness.runs.check.board_check import MODEL  # noqa: PLC0415 - all that runs need

    for path in list_targets(workspace.targets).values():
        try:
            target = load_target(path)
        except HarnessError:
            continue  # `harness list targets` shows why
        if isinstance(target.board, Virtual) and _fits(options, target, target.board):
            serial = "" if target.port.over_rtt else " --serial={port}"
            return f"harness run --model={MODEL} --target={target.name} --probe={{probe}}{serial}"
    return ""


def _fits(options: argparse.Namespace, target: Target, board: Virtual) -> bool:
    """Return whether images of `target` run on the virtual board that `options` describe."""
    return (
        board.chip == options.chip
        and board.boot == options.boot
        and target.arduino is None
        and (not options.uart or options.uart.lower() == board.uart.lower())
    )
