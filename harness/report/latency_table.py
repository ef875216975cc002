"""The distribution of inference times as a table for a terminal. It fits 80 columns."""

from collections.abc import Sequence

from rich.console import Console

from harness.report.terminal_table import TICK_HEADINGS, add_number_columns, new_table
from harness.results.judge.metrics import tick_unit
from harness.results.record import Record

_COLUMNS = ("min", "median", "p95", "p99", "max")


def print_latency(records: Sequence[Record], console: Console) -> None:
    """Print the distribution for the records whose inferences differ in ticks.

    The time is below the ticks if the target file states a clock.
    """
    varying = [record for record in records if _value(record, _unit(record), "spread")]
    if not varying:
        return
    several = len({record.image.engine for record in records}) > 1
    table = new_table(gap=0)
    table.add_column("target\nmodel" + "\nengine" * several, overflow="fold")
    add_number_columns(table, (*_COLUMNS, "spread\nfirst"))
    for record in varying:
        unit = _unit(record)
        cells = [_cell(record, unit, name) for name in _COLUMNS]
        spread, first = _value(record, unit, "spread"), _value(record, unit, "first")
        name = f"{record.target.name}\n{record.model.name}"
        name += f"\n{record.image.engine}" * several
        warm_up = "" if first is None else f"{first:,.0f}"
        table.add_row(name, *cells, f"{spread:.2%}\n{warm_up}")
    console.print(table)
    units = " or ".join(unit for unit in TICK_HEADINGS if any(_unit(r) == unit for r in varying))
    legend = f"{units} per inference; spread: (max - min) / median; first: warm-up"
    console.print(legend, style="dim", highlight=False)


def _unit(record: Record) -> str:
    return tick_unit(record.numbers)


def _value(record: Record, unit: str, name: str) -> float | None:
    number = record.numbers.get(f"{unit}_{name}")
    return None if number is None else number.value


def _cell(record: Record, unit: str, name: str) -> str:
    ticks, seconds = _value(record, unit, name), _value(record, "latency", name)
    text = "" if ticks is None else f"{ticks:,.0f}"
    return text if seconds is None else f"{text}\n{seconds * 1000:,.3f} ms"
