"""The table of stored runs for a terminal, and the parts of a Record beside its numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from harness.report.terminal_lines import keeping, print_line, print_lines
from harness.report.terminal_table import VERDICT, TerminalTable, name_columns, verdict_text
from harness.results.record import Record
from harness.support.plural import count_of
from harness.support.printable import printable

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import Entry

_COMMIT = 10  # characters that name a commit


def print_stored(entries: Sequence["Entry"], count: int, console: Console) -> None:
    """Print `entries`, the newest of `count` runs."""
    table = TerminalTable(
        [VERDICT, *name_columns("recorded", "target", "model", "build", "commit", "id")]
    )
    for entry in entries:
        commit = f"{entry.commit[:_COMMIT]}{'*' if entry.dirty else ''}"
        table.add_row(
            verdict_text("passed" if entry.verdict == "passed" else "failed"),
            f"{entry.started.astimezone():%Y-%m-%d %H:%M}",
            entry.target,
            entry.model,
            f"{entry.engine}, {entry.toolchain} {entry.optimize}",
            commit,
            entry.id,
        )
    table.print_to(console)
    if any(entry.dirty for entry in entries):
        print("*: with changes that were not committed")
    if len(entries) < count:
        print(f"the newest {len(entries)} of {count_of(count, 'run')}; --limit=N shows more")


def print_log(records: Sequence[Record], console: Console) -> None:
    """Print what the device logged, and how a board came back, for each record that has it."""
    for record in records:
        lines = [f"came back: {text}" for text in record.recoveries]
        lines += [f"log: {text}" for text in record.log]
        if lines:
            model, target = record.model.name, record.target.name
            print_line(console, keeping(f"{model} on {target}:", model, target))
            print_lines(console, [Text(f"  {printable(line)}") for line in lines])
