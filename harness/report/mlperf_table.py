"""MLPerf Tiny's four benchmarks as a table for a terminal. It fits 80 columns."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.model.metric import SHOWN
from harness.report.plain_text import quantity
from harness.report.terminal_table import add_number_columns, new_table
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.suite import Outcome


def print_outcomes(outcomes: Sequence[Outcome], target: str, console: Console) -> None:
    """Print a row for each of `outcomes`, then what failed or was not measured, and why."""
    table = new_table()
    table.add_column("benchmark")
    table.add_column("model", overflow="fold")
    add_number_columns(table, ("target", "quality", "vectors\n≠ golden", "latency\ninf./s"))
    table.add_column("")
    for outcome in outcomes:
        table.add_row(*_row(outcome))
    console.print(table)
    console.print(
        f"{target}. exact: quality, ≠ golden (printed results that differ); measured: latency "
        "and throughput (device clock; median of the windows)",
        style="dim",
        highlight=False,
    )
    benchmarks_by_reason: dict[str, list[str]] = {}
    for outcome in outcomes:
        for reason in _reasons(outcome):
            benchmarks_by_reason.setdefault(reason, []).append(outcome.benchmark.id)
    for reason, benchmarks in benchmarks_by_reason.items():
        console.print(f"{', '.join(benchmarks)}: {reason}", highlight=False, markup=False)


def _row(outcome: Outcome) -> list[str | Text]:
    one, run = outcome.benchmark, outcome.run
    goal = f"{SHOWN[one.metric]} ≥ {one.quality_target:.2f}"
    if run is None:
        return [one.id, "", goal, "", "", "", Text("not run", "red" if outcome.code else "dim")]
    verdict = Text("passed", "green") if not outcome.code else Text("failed", "bold red")
    return [
        one.id,
        run.model.name,
        goal,
        Text(f"{run.quality:.4f}", "" if outcome.reached else "red"),
        f"{len(run.vectors):,}\n{len(run.differing):,}",
        _latency(run),
        verdict,
    ]


def _latency(run: MlperfRun) -> str:
    if run.throughput is None:
        return ""
    return f"{quantity(1 / run.throughput, 's')}\n{run.throughput:.3f}"


def _reasons(outcome: Outcome) -> list[str]:
    run = outcome.run
    if run is None:
        return [f"not run: {outcome.reason}"]
    reasons = run.failures()
    if not outcome.reached and run.quality >= run.model.quality_target:
        reasons.append(
            f"below the quality target of the rules, {outcome.benchmark.quality_target:g}"
        )
    if run.throughput is None:
        reasons.append(f"no latency: {run.untimed}")
    return reasons
