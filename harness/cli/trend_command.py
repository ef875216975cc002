"""`harness trend`: shows a number over time."""

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from harness.errors import ExitCode
from harness.options.json_option import add_json_option
from harness.options.plot_option import add_plot_option, plot_path
from harness.report.json_documents.trend_document import Why, trend_document
from harness.report.terminal_lines import print_line
from harness.report.trend_plot import plot_trends, print_trend
from harness.results.judge.trend import Trend, cause, partial_engines, trends
from harness.results.store.open_results import add_store_option, open_store
from harness.results.store.store import RunFilter
from harness.support.json_stream import JsonOutput
from harness.support.terminal import Terminal
from harness.workspace import Workspace


def declare(parsers: Mapping[str, argparse.ArgumentParser]) -> None:
    """Declare the options of the command, whose parser is in `parsers`."""
    trend = parsers["trend"]
    trend.add_argument(
        "--metric",
        default="",
        help="name of a number in Records, or cycles, latency or energy; without it, the command "
        "lists the names",
    )
    for name in ("target", "model", "engine", "toolchain", "branch"):
        trend.add_argument(f"--{name}", help=f"only runs of this {name}")
    add_plot_option(trend.add_argument)
    add_store_option(trend.add_argument)
    add_json_option(trend.add_argument)
    trend.set_defaults(command=_trend)


def _trend(options: argparse.Namespace, workspace: Workspace) -> int:
    plot = plot_path(options)
    filters: RunFilter = {
        "target": options.target,
        "model": options.model,
        "engine": options.engine,
        "toolchain": options.toolchain,
        "branch": options.branch,
    }
    output: JsonOutput | None = options.json_output
    with open_store(options.store, workspace) as store:
        with options.progress.step("reading Records"):
            selected = trends(store, options.metric, **filters)
            left_out = partial_engines(store.find(**filters), **filters)
        if plot:
            with options.progress.step("drawing the plot"):
                plot_trends(selected, plot)
        why = partial(cause, store)
        if output:
            output.print(trend_document(selected, why, left_out, plot))
        else:
            _print(selected, why, left_out, plot)
    return ExitCode.PASSED


def _print(selected: Sequence[Trend], why: Why, left_out: Sequence[str], plot: Path | None) -> None:
    console = Terminal()
    for trend in selected:
        print_trend(trend, why, console)
    if left_out:
        print_line(console, f"left out, because only some vectors ran: {', '.join(left_out)}")
        print_line(console, f"  to see one: --engine={left_out[0]}")
    if plot:
        print_line(console, f"plot: {plot}")
