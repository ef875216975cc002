"""Prints the targets by the way to reach them, and the forms of names that need no file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.errors import HarnessError
from harness.report.terminal_lines import print_lines
from harness.report.terminal_table import Column, TerminalTable, name_columns
from harness.target.find_target import load_target

_TITLES = {
    "pyocd": "boards behind a debug probe",
    "virtual": "virtual boards",
    "qemu": "emulated by QEMU",
    "renode": "emulated by Renode",
    "": "target files with an error",
}
"""The groups in the order of the list, by `board.kind`."""

DERIVED = (
    ("auto", "the board that is connected"),
    ("chip:NAME", "a chip that pyOCD knows, through any debug probe, such as chip:nrf52840"),
    ("qemu:MACHINE", "a machine of QEMU with a Cortex-M, such as qemu:mps2-an385"),
    ("renode:NAME", "a platform of Renode with a Cortex-M, such as renode:stm32f4_discovery"),
)


def print_targets(files: Mapping[str, Path], console: Console) -> None:
    """Print the targets in `files`, by kind, and the names that need no file."""
    groups: dict[str, list[tuple[str, str]]] = {kind: [] for kind in _TITLES}
    for name, path in files.items():
        try:
            target = load_target(path)
            kind = str(target.board.__struct_config__.tag)
            groups[kind].append((name, target.description))
        except HarnessError as error:  # one invalid file must not hide the rest of the list
            groups[""].append((name, str(error)))
    for kind, rows in groups.items():
        print_list(_TITLES[kind], sorted(rows), console)
    print_list("without a file", DERIVED, console)


def print_list(title: str, rows: Iterable[tuple[str, str]], console: Console) -> None:
    """Print names and descriptions; a description may have lines below the first."""
    table = TerminalTable([*name_columns(title), Column(kind="detail")])
    empty = True
    for name, description in rows:
        first, *more = description.split("\n")
        table.add_row(name, first)
        for line in more:
            table.add_line(line)
        empty = False
    if not empty:
        print_lines(console, [*table.lines(console.width), *([Text()] if title else [])])
