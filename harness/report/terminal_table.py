"""What the tables and lines in a terminal have in common: one style, and 80 columns."""

from collections.abc import Iterable, Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.support.printable import printable

TICK_HEADINGS: Mapping[str, str] = {"instructions": "instr.", "cycles": "cycles"}
"""The units of ticks, and their short headings, in the order of columns."""


def new_table(*, gap: int = 1) -> Table:
    """Return a table without columns, with `gap` blanks between the columns."""
    return Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0))


def add_number_columns(table: Table, headings: Iterable[str]) -> None:
    """Add columns of numbers: aligned to the right and never wrapped."""
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)


def print_line(console: Console, text: str, style: str = "") -> None:
    """Print `text` without highlighting and markup; unprintable characters as their codes."""
    console.print(Text(printable(text), style), highlight=False)
