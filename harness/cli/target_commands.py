"""`harness target`: writes target files."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.board.derivations import chip_target
from harness.board.pyocd.auto_target import KIND as AUTO
from harness.cli.command_groups import add_subcommand
from harness.cli.list_command import list_command
from harness.errors import ExitCode, HarnessError, InputError
from harness.options.json_option import add_json_option
from harness.report.json_documents.machine_documents import TargetAddDocument
from harness.support.file_name import check_name
from harness.support.json_stream import JsonOutput
from harness.support.whole_files import explained_errors
from harness.target.chip_file import chip_file
from harness.target.find_target import load_target
from harness.target.target_file import Pyocd, Target
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    commands = parsers["target"].add_subparsers(required=True, metavar="COMMAND")
    listed = add_subcommand(commands, "list", "list the targets, as harness list targets does")
    listed.set_defaults(command=list_command, what="targets")
    add = add_subcommand(commands, "add", "write a target file for a chip that pyOCD knows")
    add.add_argument("chip", metavar="CHIP", help="pyOCD's name of the chip, such as stm32f429xi")
    add.add_argument(
        "--as", dest="name", default="", metavar="NAME", help="name of the target (default: CHIP)"
    )
    add.add_argument(
        "--pack", default="", metavar="FILE", help="CMSIS pack that has the chip: a .pack file"
    )
    for command in (listed, add):
        add_json_option(command.add_argument)
    add.set_defaults(command=_add)


def _add(options: argparse.Namespace, workspace: Workspace) -> int:
    target = chip_target(options.chip.removeprefix("chip:"), options.pack)
    path = _path(options.name or target.mcu.name.lower(), workspace)
    content = _encoded(chip_file(_with_relative_pack(target, path.parent, workspace)))
    with explained_errors("the target file cannot be written", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(content)
    try:
        load_target(path)
    except HarnessError:
        path.unlink()
        raise
    output: JsonOutput | None = options.json_output
    if output:
        output.print(TargetAddDocument(name=path.stem, file=str(path)))
        return ExitCode.PASSED
    print(f"{path}\n  edit it, then: harness run --target={path.stem} --model=digits")
    return ExitCode.PASSED


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            "the path has bytes that are not UTF-8 text, which no target file can have",
            where="--pack",
            remedy="rename the pack, or its folder",
        ) from error


def _with_relative_pack(target: Target, folder: Path, workspace: Workspace) -> Target:
    """Return `target` with the path of a pack in the repository relative to `folder`."""
    board = target.board
    if not isinstance(board, Pyocd) or not Path(board.pack).is_relative_to(workspace.root):
        return target
    pack = Path(os.path.relpath(board.pack, folder)).as_posix()
    return msgspec.structs.replace(target, board=msgspec.structs.replace(board, pack=pack))


def _path(name: str, workspace: Workspace) -> Path:
    """Return the path of the new file; `InputError` if it cannot be one, or exists."""
    name = name.removesuffix(".toml")
    folder = workspace.root / "targets"
    if any(character in name for character in "/\\:"):
        raise InputError(
            f"{name!r} is a path, not a name",
            where="--as",
            remedy=f"give a name: the file goes to {folder}",
        )
    if name == AUTO:
        raise InputError(
            f"{name!r} means the board that is connected",
            where="--as",
            remedy="give the target another name",
        )
    check_name(name, "target", "--as")
    path = folder / f"{name}.toml"
    if path.exists():
        raise InputError(
            "exists already", where=str(path), remedy="edit it, or give another name with --as"
        )
    return path
