"""All tables of recorded runs for a terminal, the same for `harness run` and pytest."""

from collections.abc import Sequence
from functools import partial

from rich.console import Console

from harness.report.engines_table import print_side_by_side
from harness.report.runs_table import print_table
from harness.results.judge.history import history_of
from harness.results.judge.side_by_side import side_by_side
from harness.results.record import Record
from harness.workspace import Workspace


def print_runs(
    records: Sequence[Record],
    engines: Sequence[str],
    store: str,
    workspace: Workspace,
    console: Console,
) -> None:
    """Print the table of runs, and the engines side by side in the order of `engines`.

    `store` is the URL of the store with the history of measured numbers; empty: the local index.
    """
    print_table(records, console)
    history = partial(history_of, url=store, workspace=workspace)
    print_side_by_side(side_by_side(records, engines, history), console)
