"""The commands `link`: how a user's own firmware gets the link to the host."""

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent

from harness.cli.command_groups import add_subcommand
from harness.errors import ExitCode
from harness.intake.projects.find_project import find_projects, unknown_project
from harness.intake.projects.program_lines import program_lines
from harness.intake.projects.project_lines import Lines, Project
from harness.support.bundled_files import bundled
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parser is in `parsers`."""
    commands = parsers["link"].add_subparsers(required=True, metavar="COMMAND")
    add = add_subcommand(
        commands, "add", "show the lines that add the link to your firmware; writes nothing"
    )
    add.add_argument(
        "folder",
        nargs="?",
        default=Path(),
        type=Path,
        metavar="DIR",
        help="folder of your firmware's project (default: the current folder)",
    )
    add.set_defaults(command=_add)
    path = add_subcommand(commands, "path", "print the folder with the sources of the link")
    path.set_defaults(command=_path)


def _link() -> Path:
    return (bundled("firmware") / "link").resolve()


def _path(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    print(_link())
    return ExitCode.PASSED


def _add(options: argparse.Namespace, workspace: Workspace) -> int:  # noqa: ARG001
    folder: Path = options.folder
    projects = find_projects(folder, _link()) or [unknown_project(_link())]
    for project in projects:
        _print_project(folder, project)
    program = projects[0].program
    for lines in program_lines(folder) if program is None else program:
        _print_lines(lines)
    _print_commands(folder, projects[0])
    return ExitCode.PASSED


def _print_commands(folder: Path, project: Project) -> None:
    """Print what to type next; the words in capitals are for the user to replace."""
    image = project.image.replace("DIR", shlex.quote(str(folder)))
    build = project.build.replace("DIR", shlex.quote(str(folder)))
    print("Then type (docs/firmware.md):\n")
    print(f"  {build or '# build it as always'}")
    print("  harness models add NETWORK.tflite --inputs X --labels Y  # or --random 100")
    print("  harness list targets   # TARGET is your board, or virtual-stm32")
    print(f"  harness run --target=TARGET --model=MODEL {image}")


def _print_project(folder: Path, project: Project) -> None:
    print(f"{folder}: {project.system}\n")
    for lines in project.lines:
        _print_lines(lines)
    if project.note:
        print(f"{project.note}\n")


def _print_lines(lines: Lines) -> None:
    print(", ".join(filter(None, (lines.file, lines.place))) + ":\n")
    print(indent(lines.text, "  "), end="\n\n")
