"""The commands that judge what was recorded: compare, baseline, trend."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from harness.cli.command_groups import CommandGroup
from harness.errors import ExitCode
from harness.report.comparison_text import print_comparison
from harness.report.gate_text import complaint, summary
from harness.results.judge.baseline import accept, read_baselines
from harness.results.judge.compare import compare
from harness.results.judge.find_runs import find_runs
from harness.results.judge.gate import Gate, add_baseline_option
from harness.results.judge.history import history_of
from harness.results.judge.matching import pair
from harness.results.record import read_record
from harness.results.store.open_results import add_store_option, open_store
from harness.workspace import Workspace

_RUN = "a file or folder of records or baselines, a run's id, `last`, a branch, or a commit"


def add_commands(group: CommandGroup) -> None:
    """Declare the commands in `group`."""
    compared = group.add("compare", "what got better or worse from A to B, and why")
    compared.add_argument("a", metavar="A", help=_RUN)
    compared.add_argument("b", metavar="B", help="what to compare with A")
    compared.set_defaults(command=_compare)
    baseline = group.add("baseline", "accept and list the runs that --baseline compares with")
    actions = baseline.add_subparsers(required=True, metavar="COMMAND")
    accepted = actions.add_parser("accept", help="make runs the baselines of their combinations")
    accepted.add_argument("runs", nargs="+", metavar="RUN", help=_RUN)
    accepted.add_argument("--because", required=True, metavar="REASON", help="why it is right")
    accepted.set_defaults(command=_accept)
    listed = actions.add_parser("list", help="which baselines there are, since when, and why")
    listed.set_defaults(command=_list)
    trend = group.add("trend", "a number over time, and where it changed")
    trend.add_argument("--metric", required=True, help="as in records, or cycles, latency, energy")
    for name in ("target", "model", "engine", "toolchain", "branch"):
        trend.add_argument(f"--{name}", help=f"of this {name} only")
    trend.add_argument("--plot", type=Path, metavar="FILE", help="a .svg, .png or .pdf")
    trend.set_defaults(command=_trend)
    for command in (compared, accepted, trend):
        add_store_option(command.add_argument)
    for command in (accepted, listed):
        add_baseline_option(command.add_argument)


def passes(gate: Gate, records: Sequence[Path]) -> bool:
    """Print what the gate says of runs whose models are right; return whether it opens."""
    judgements = [gate.judge(read_record(path)) for path in records]
    for judgement in judgements:
        if judgement.fails:
            print(complaint(judgement, gate.folder))
    print(*summary(judgements, gate.folder), sep="\n")
    return not any(judgement.fails for judgement in judgements)


def _compare(options: argparse.Namespace, workspace: Workspace) -> int:
    console = Console()
    old, new = (find_runs(name, options.store, workspace) for name in (options.a, options.b))
    pairs = pair(old, new)
    for before, after in pairs.both:
        history = history_of(after, options.store, workspace)
        print_comparison(compare(before, after, history), console)
    for name, left in ((options.a, pairs.only_old), (options.b, pairs.only_new)):
        for record in left:
            print(f"only in {name}: {record.combination}")
    return ExitCode.PASSED


def _accept(options: argparse.Namespace, workspace: Workspace) -> int:
    records = [run for name in options.runs for run in find_runs(name, options.store, workspace)]
    for path in accept(records, options.because, options.baseline or workspace.baselines):
        print(f"{path}")
    return ExitCode.PASSED


def _list(options: argparse.Namespace, workspace: Workspace) -> int:
    for baseline in read_baselines(options.baseline or workspace.baselines):
        print(f"{baseline.record.combination}\n  {baseline.accepted}: {baseline.because}")
    return ExitCode.PASSED


def _trend(options: argparse.Namespace, workspace: Workspace) -> int:
    from harness.report.trend_plot import plot_trends, print_trend  # noqa: PLC0415 - sqlalchemy
    from harness.results.judge.trend import cause, trends  # noqa: PLC0415 - sqlalchemy

    if options.plot:
        from harness.report.plot_file import check_path  # noqa: PLC0415 - matplotlib

        check_path(options.plot)
    with open_store(options.store, workspace) as store:
        found = trends(
            store,
            options.metric,
            target=options.target,
            model=options.model,
            engine=options.engine,
            toolchain=options.toolchain,
            branch=options.branch,
        )
        for trend in found:
            print_trend(trend, partial(cause, store), Console())
    if options.plot:
        plot_trends(found, options.plot)
        print(options.plot)
    return ExitCode.PASSED
