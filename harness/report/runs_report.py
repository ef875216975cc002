"""All tables of recorded runs for a terminal, the same for `harness run` and pytest."""

from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.text import Text

from harness.report.engines_table import print_side_by_side
from harness.report.runs_table import print_table
from harness.report.terminal_lines import keeping, print_line, print_lines
from harness.results.judge.history import history_of
from harness.results.judge.side_by_side import side_by_side
from harness.results.record import Record
from harness.support.printable import printable
from harness.workspace import Workspace


def print_runs(
    records: Sequence[Record],
    engines: Sequence[str],
    store: str,
    workspace: Workspace,
    console: Console,
) -> None:
    """Print the table of runs, why some failed, and the engines side by side, as in `engines`.

    `store` is the URL of the store with the history of measured numbers; empty: the local index.
    """
    print_table(records, console)
    print_failures(records, console)
    history = partial(history_of, url=store, workspace=workspace)
    print_side_by_side(side_by_side(records, engines, history), console)


def left_out_text(ran: int, failed: int, selected: int) -> str:
    """Return how many of several `selected` runs ran; empty if all did.

    Infrastructure errors ended those that `failed`; something ended the command before the others.
    """
    if selected in (ran, 1):
        return ""
    if ran + failed < selected:
        return f"not complete: {ran} of {selected} ran"
    return f"{ran} of {selected} ran: infrastructure errors ended the others"


def print_failures(records: Sequence[Record], console: Console) -> None:
    """Print why runs failed; the table does not show that a test failed."""
    for record in records:
        if record.verdict == "passed":
            continue
        model, target = record.model.name, record.target.name
        print_line(console, keeping(f"{model} on {target}:", model, target))
        # A reason is not wrapped: it can be searched, and a command in it can be copied.
        reasons = (line for reason in record.reasons for line in reason.splitlines())
        print_lines(console, [Text(f"  {printable(line)}") for line in reasons])
