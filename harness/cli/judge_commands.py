"""The commands that judge Records: compare, trend."""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ExitCode
from harness.options.plot_option import add_plot_option, plot_path
from harness.options.small_option import add_small_option, small_of
from harness.report.comparison_text import print_comparison
from harness.report.gate_text import failure_text, gate_summary
from harness.report.terminal_lines import keeping, print_line
from harness.results.judge.compare import compare
from harness.results.judge.find_runs import find_runs
from harness.results.judge.gate import Gate, Judgement
from harness.results.judge.history import history_of
from harness.results.judge.matching import pair
from harness.results.record_file import read_record
from harness.results.store.open_results import add_store_option, open_store
from harness.support.terminal import Terminal
from harness.workspace import Workspace

if TYPE_CHECKING:  # sqlalchemy
    from harness.results.store.store import RunFilter

RUN = "a file or folder of Records or baselines, a run's id, `last`, a branch, a commit or a tag"
"""What names a run, for the help of an option."""


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the commands, whose parsers are `parsers`."""
    compared = parsers["compare"]
    compared.add_argument("a", metavar="A", help=RUN)
    compared.add_argument("b", metavar="B", help="the run or runs to compare with A")
    add_small_option(compared.add_argument)
    compared.set_defaults(command=_compare)
    trend = parsers["trend"]
    trend.add_argument(
        "--metric", required=True, help="name of a number in Records, or cycles, latency or energy"
    )
    for name in ("target", "model", "engine", "toolchain", "branch"):
        trend.add_argument(f"--{name}", help=f"only runs of this {name}")
    add_plot_option(trend.add_argument)
    trend.set_defaults(command=_trend)
    for command in (compared, trend):
        add_store_option(command.add_argument)


def judgements_of(gate: Gate, records: Sequence[Path]) -> list[Judgement]:
    """Return the gate's judgements of runs that passed."""
    return [gate.judge(read_record(path)) for path in records]


def print_judgements(judgements: Sequence[Judgement], folder: Path) -> None:
    """Print the judgements of the gate in `folder`."""
    for judgement in judgements:
        if judgement.fails:
            print(failure_text(judgement, folder))
    print(*gate_summary(judgements, folder), sep="\n")


def _compare(options: argparse.Namespace, workspace: Workspace) -> int:
    console = Terminal()
    with options.progress.step("reading Records"):
        old, new = (find_runs(name, options.store, workspace) for name in (options.a, options.b))
        pairs = pair(old, new)
        comparisons = [
            compare(before, after, history_of(after, options.store, workspace))
            for before, after in pairs.both
        ]
    for comparison in comparisons:
        print_comparison(comparison, console, small_of(options, workspace))
    for name, unpaired in ((options.a, pairs.only_old), (options.b, pairs.only_new)):
        for record in unpaired:
            combination = record.combination
            print_line(console, keeping(f"only in {name}: {combination}", *combination))
    return ExitCode.PASSED


def _trend(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.trend_plot import plot_trends, print_trend  # noqa: PLC0415 - sqlalchemy
    from harness.results.judge.trend import cause, partial_engines, trends  # noqa: PLC0415 - sqlalchemy

    plot = plot_path(options)
    with ExitStack() as stack:
        with options.progress.step("reading Records"):
            store = stack.enter_context(open_store(options.store, workspace))
            filters: RunFilter = {
                "target": options.target,
                "model": options.model,
                "engine": options.engine,
                "toolchain": options.toolchain,
                "branch": options.branch,
            }
            selected = trends(store, options.metric, **filters)
            left_out = partial_engines(store.find(**filters), **filters)
        for trend in selected:
            print_trend(trend, partial(cause, store), Terminal())
    if left_out:
        print_line(Terminal(), f"left out, because only some vectors ran: {', '.join(left_out)}")
        print_line(Terminal(), f"  to see one: --engine={left_out[0]}")
    if plot:
        with options.progress.step("drawing the plot"):
            plot_trends(selected, plot)
        print(f"plot: {plot}")
    return ExitCode.PASSED
