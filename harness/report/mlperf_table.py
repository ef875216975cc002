"""MLPerf Tiny's five benchmarks as a table for a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.measure.shown_number import quantity
from harness.model.metric import (
    BETTER,
    SHOWN,
    SIGN,
    reached,
    shown_chance,
    shown_detections,
    shown_quality,
)
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import (
    VERDICT,
    TerminalTable,
    name_columns,
    number_columns,
    verdict_text,
)
from harness.runs.mlperf.mlperf_run import MlperfRun
from harness.runs.mlperf.suite import Outcome


def print_outcomes(outcomes: Sequence[Outcome], target: str, console: Console) -> None:
    """Print a row for each of `outcomes`, failed ones first; then what failed, and why."""
    columns = number_columns("quality\ntarget", "vectors\n≠ golden", "latency\ninf./s")
    table = TerminalTable([VERDICT, *name_columns("benchmark", "model"), *columns])
    for outcome in sorted(outcomes, key=lambda outcome: not outcome.code):
        table.add_row(*_row(outcome))
    table.print_to(console)
    legend = (
        f"{target}. exact: quality, ≠ golden (printed results that differ); measured: latency "
        "and throughput (device clock; median of the windows)"
    )
    print_line(console, keeping(legend, target, style="dim"))
    benchmarks_by_reason: dict[str, list[str]] = {}
    for outcome in outcomes:
        for reason in reasons_of(outcome):
            benchmarks_by_reason.setdefault(reason, []).append(outcome.benchmark.id)
    for reason, benchmarks in benchmarks_by_reason.items():
        print_line(console, f"{', '.join(benchmarks)}: {reason}")


def _row(outcome: Outcome) -> list[str | Text]:
    one, run = outcome.benchmark, outcome.run
    digits = 2 if BETTER[one.metric] == "higher" else 0
    goal = f"{SHOWN[one.metric]} {SIGN[one.metric]} {one.quality_target:.{digits}f}"
    if run is None:
        not_run = Text("✗ not run", "bold red") if outcome.code else Text("not run", "dim")
        return [not_run, one.id, "", f"\n{goal}"]
    return [
        verdict_text("failed" if outcome.code else "passed"),
        one.id,
        run.model.name,
        Text(f"{_quality(run)}\n{goal}", "" if outcome.reached else "red"),
        f"{len(run.vectors):,}\n{len(run.differing):,}",
        _latency(run),
    ]


def _quality(run: MlperfRun) -> str:
    if run.model.metric == "detection_errors":
        return shown_detections(**run.quality_details)
    return shown_quality(run.model.metric, run.quality)


def _latency(run: MlperfRun) -> str:
    if run.throughput is None:
        return ""
    return f"{quantity(1 / run.throughput, 's')}\n{run.throughput:.3f}"


def reasons_of(outcome: Outcome) -> list[str]:
    """Return why the benchmark failed or did not run, and what its numbers lack."""
    run = outcome.run
    if run is None:
        return [f"not run: {outcome.reason}"]
    reasons = run.failures()
    model = run.model
    if not outcome.reached and reached(model.metric, run.quality, model.quality_target):
        reasons.append(
            f"misses the quality target of the rules, {outcome.benchmark.quality_target:g}"
        )
    goal = outcome.benchmark.quality_target
    if run.chance is not None and reached(model.metric, run.chance, goal):
        chance = shown_chance(model.metric, run.chance)
        reasons.append(
            f"the target of the rules, {goal:g}, proves nothing: {chance} on these vectors"
        )
    if run.throughput is None:
        reasons.append(f"no latency: {run.untimed}")
    return reasons
