"""`harness init`: writes a repository for models, targets and tests."""

import argparse
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from harness.errors import ExitCode, InputError
from harness.intake.new_repository import EXAMPLE, TEST, Part, write_repository
from harness.intake.repository_place import Ci, git_root
from harness.options.json_option import add_json_option
from harness.report.json_documents.init_document import init_document
from harness.support.json_stream import JsonOutput
from harness.workspace import Workspace

_OTHER_FILES = 'for C arrays, CSV, WAV and other files: docs/adding.md, "I have a ..."'


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    parser = parsers["init"]
    parser.add_argument(
        "folder",
        nargs="?",
        default=".",
        metavar="DIR",
        help="the repository's folder, new or not (default: the current folder)",
    )
    parser.add_argument(
        "--empty", action="store_true", help=f"without the example, the model {EXAMPLE}"
    )
    parser.add_argument(
        "--ci",
        choices=get_args(Ci),
        help="whose CI file to write (default: that of the CI that the repository uses, or github)",
    )
    add_json_option(parser.add_argument)
    parser.set_defaults(command=_init)


def _init(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    if not options.folder:
        raise InputError("the name is empty", where="DIR", remedy="name a folder, or leave it out")
    folder = Path(os.path.realpath(options.folder))
    parts = write_repository(folder, options.ci, example=not options.empty)
    output: JsonOutput | None = options.json_output
    if output:
        written = list(parts)
        commands = [command for command, _ in _next_steps(options.folder, folder)]
        output.print(init_document(folder, written, commands))
        return ExitCode.PASSED
    print(f"{folder}:")
    for part in parts:
        print(_line(part))
    root = git_root(folder)
    if root not in {None, folder} and options.ci != "none":
        print(f"  no CI file: it belongs to {root}, the root of the git repository")
    print("\nnext:")
    for command, comment in _next_steps(options.folder, folder):
        print(f"  {command:30}  # {comment}" if comment else f"  {command}")
    print(f"\n{_OTHER_FILES}")
    return ExitCode.PASSED


def _line(part: Part) -> str:
    if part.new:
        return f"  wrote  {part.path!s:30}  {part.note}"
    return f"  kept   {part.path}" + (f"\n         -> {part.note}" if part.note else "")


def _next_steps(named: str, folder: Path) -> list[tuple[str, str]]:
    """Return commands with comments. The user named the repository's `folder` as `named`."""
    steps = [
        ("harness run", "all models on virtual-stm32"),
        (TEST, "the same as a test"),
        ("harness models add FILE.tflite --inputs X.npy --labels Y.npy", ""),
        ("harness models add FILE.keras --inputs X.npy --labels Y.npy --calibrate TRAIN.npy", ""),
        ("harness doctor", "boards, compilers, emulators"),
    ]
    if folder != Path.cwd():
        steps.insert(0, (f"cd {shlex.quote(named)}", ""))
    if git_root(folder) is None:
        steps.append(("git init", "Records name the commit"))
    return steps
