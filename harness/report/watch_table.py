"""What `harness watch` shows: the newest run of each combination, and what changed since."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from harness.measure.number import Number
from harness.measure.shown_number import quantity
from harness.model.metric import SHOWN
from harness.report.comparison_text import explain
from harness.report.quality_text import is_missed, quality_text
from harness.report.terminal_table import (
    TICK_HEADINGS,
    VERDICT,
    TerminalTable,
    name_columns,
    number_columns,
    verdict_text,
)
from harness.results.judge.compare import Delta
from harness.results.judge.watched_run import WatchedRun
from harness.results.outcome import outcome_of
from harness.results.record import Record

_PERCENT = 0.001  # smaller changes of ticks are shown as their count
_STYLES = {"worse": "red", "better": "green"}
_COLUMNS: Mapping[str, str] = {
    **{f"{unit}_median": heading for unit, heading in TICK_HEADINGS.items()},
    "latency_median": "latency",
    "energy_median": "energy",
    "flash": "flash",
    "ram": "RAM",
}
"""Numbers that have a column if a run has them, and their headings."""


def table_of(runs: Sequence[WatchedRun]) -> TerminalTable:
    """Return a row for each of `runs`; its second line has the changes since the run before."""
    records = [run.record for run in runs if run.record]
    names = [name for name in _COLUMNS if any(name in record.numbers for record in records)]
    metrics = {SHOWN[record.model.metric] for record in records}
    quality = metrics.pop() if len(metrics) == 1 else "quality"
    table = TerminalTable(
        [
            VERDICT,
            *name_columns("target\ntoolchain", "model\nengine"),
            *number_columns(quality, "≠ golden", *(_COLUMNS[name] for name in names)),
        ]
    )
    for run in runs:
        target, model, engine, toolchain, flag = run.names
        table.add_row(
            _verdict(run),
            _two_lines(target, f"{toolchain} {flag}"),
            _two_lines(model, engine),
            *_cells(run, run.record, names),
        )
    return table


def _verdict(run: WatchedRun) -> Text:
    if run.error or run.record is None:
        return Text("✗ error", "bold red") if run.error else Text("...", "dim")
    return verdict_text(outcome_of(run.record))


def _cells(run: WatchedRun, record: Record | None, names: Sequence[str]) -> Iterator[Text]:
    if record is None:
        return
    metric = record.model.metric
    style = "red" if is_missed(record) else ""
    yield _with_change(quality_text(record), run.delta(metric), style)
    differing = run.delta("bytes_differing") or run.delta("results_differing")
    yield _with_change(f"{record.differing:,}", differing, "red" if record.differing else "")
    for name in names:
        number = record.numbers.get(name)
        yield Text() if number is None else _with_change(_value(number), run.delta(name))


def _value(number: Number) -> str:
    value, unit = number.value, number.unit
    return f"{value:,.0f}" if unit in {"1", "byte"} else quantity(value, unit)


def _with_change(value: str, delta: Delta | None, style: str = "") -> Text:
    if delta is None:
        return Text.assemble((value, style), "\n")
    changed = _STYLES.get(delta.judged, "yellow")
    return Text.assemble((value, style), "\n", (change_of(delta), changed))


def change_of(delta: Delta) -> str:
    """Return a change: in bytes, in percent, or as the difference of a quality."""
    difference = delta.difference
    if delta.name in {"flash", "ram"} or delta.name.endswith("_differing"):
        return f"{difference:+,.0f}"
    if delta.name in _COLUMNS:
        large = abs(delta.relative) >= _PERCENT
        return f"{100 * delta.relative:+,.1f} %" if large else f"{difference:+,.6g}"
    return f"{difference:+.4g}"


def _two_lines(above: str, below: str) -> Text:
    return Text.assemble(above, "\n", (below, "dim"))


def details_of(run: WatchedRun) -> Iterator[Text]:
    """Yield why a run failed or could not run, and the possible causes of its changes."""
    if run.error:
        yield Text(run.error, "red")
    elif run.record:
        yield from (Text(reason, "red") for reason in run.record.reasons)
        if run.comparison:
            yield from (Text(line, "dim") for line in explain(run.comparison))


def line_of(run: WatchedRun) -> str:
    """Return the newest run in one line, for a log."""
    if run.error or run.record is None:
        return f"error: {run.names}: {run.error}"
    record, metric = run.record, run.record.model.metric
    parts = [_in_line(SHOWN[metric], quality_text(record), run.delta(metric))]
    differing = run.delta("bytes_differing") or run.delta("results_differing")
    parts.append(_in_line("≠ golden", f"{record.differing:,}", differing))
    for name, heading in _COLUMNS.items():
        if name in record.numbers:
            parts.append(_in_line(heading, _value(record.numbers[name]), run.delta(name)))
    reasons = f"; {'; '.join(record.reasons)}" if record.reasons else ""
    return f"{outcome_of(record)}: {run.names}: {', '.join(parts)}{reasons}"


def _in_line(heading: str, value: str, delta: Delta | None) -> str:
    return f"{heading} {value}" + (f" ({change_of(delta)})" if delta else "")
