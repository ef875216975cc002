"""The distribution of inference times as a table for a terminal."""

from collections.abc import Sequence

from rich.console import Console

from harness.report.run_labels import details_of
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import TICK_HEADINGS, TerminalTable, name_columns, number_columns
from harness.results.judge.metrics import tick_unit
from harness.results.record import Record

_COLUMNS = ("min", "median", "p95", "p99", "max")


def print_latency(records: Sequence[Record], console: Console) -> None:
    """Print the distribution for the records whose inferences differ in ticks.

    The time is below the ticks if the target file states a clock.
    """
    titles = list(zip(records, details_of(records), strict=True))
    varying = [each for each in titles if _value(each[0], _unit(each[0]), "spread")]
    if not varying:
        return
    several = any(details for _, details in varying)
    model = "model\nengine, build" if several else "model"
    table = TerminalTable(
        [*name_columns("target", model), *number_columns(*_COLUMNS, "spread\nfirst")]
    )
    for record, details in varying:
        unit = _unit(record)
        cells = [_cell(record, unit, name) for name in _COLUMNS]
        spread, first = _value(record, unit, "spread"), _value(record, unit, "first")
        model = record.model.name + f"\n{details}" * several
        warm_up = "" if first is None else f"{first:,.0f}"
        table.add_row(record.target.name, model, *cells, f"{spread:.2%}\n{warm_up}")
    table.print_to(console)
    units = " or ".join(unit for unit in TICK_HEADINGS if any(_unit(r) == unit for r, _ in varying))
    legend = f"{units} per inference; spread: (max - min) / median; first: warm-up"
    print_line(console, legend, "dim")
    same = dict.fromkeys(
        f"{record.model.name} on {record.target.name}"
        for record, _ in titles
        if _value(record, _unit(record), "spread") == 0
    )
    if same:
        names = {name for r in records for name in (r.target.name, r.model.name)}
        text = f"no spread, because each inference takes the same: {', '.join(same)}"
        print_line(console, keeping(text, *names, style="dim"))


def _unit(record: Record) -> str:
    return tick_unit(record.numbers)


def _value(record: Record, unit: str, name: str) -> float | None:
    number = record.numbers.get(f"{unit}_{name}")
    return None if number is None else number.value


def _cell(record: Record, unit: str, name: str) -> str:
    ticks, seconds = _value(record, unit, name), _value(record, "latency", name)
    text = "" if ticks is None else f"{ticks:,.0f}"
    return text if seconds is None else f"{text}\n{seconds * 1000:,.3f} ms"
