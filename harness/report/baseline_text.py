"""Baselines for a terminal: what was accepted, and the list."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.report.comparison_text import run_text
from harness.report.terminal_lines import keeping, print_line
from harness.results.judge.baseline import Baseline
from harness.results.record import Record
from harness.support.plural import count_of


def print_accepted(records: Sequence[Record], folder: Path, console: Console) -> None:
    """Print the runs that are now the baselines in `folder`, and how to compare with them."""
    for record in records:
        _print_combination(record, console)
        print_line(console, f"  run {run_text(record)}")
    print_line(console, f"{count_of(len(records), 'baseline')} accepted, in {folder}")
    print_line(console, f"  to compare runs: harness run {_option(folder)}")


def print_baselines(baselines: Sequence[Baseline], folder: Path, console: Console) -> None:
    """Print the baselines in `folder` with dates and reasons, or how to make the first one."""
    for baseline in baselines:
        _print_combination(baseline.record, console)
        print_line(console, f"  {baseline.accepted}: {baseline.because}")
        print_line(console, f"  run {run_text(baseline.record)}")
    if not baselines:
        print_line(console, f"there are no baselines in {folder}")
        accept = f'harness baseline accept last {_option(folder)} --because "…"'
        print_line(console, f"  to accept the last run: {accept}")


def _option(folder: Path) -> str:
    return f"--baseline={shlex.quote(str(folder))}"


def _print_combination(record: Record, console: Console) -> None:
    print_line(console, keeping(str(record.combination), *record.combination))
    if record.subset:
        note = f"  only {record.subset} ran: only runs of as many are compared with this baseline"
        print_line(console, note, "yellow")
