"""How the inferences of a run differ: for a terminal, where they do. It fits 80 columns."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.results.record import Record

_COLUMNS = ("min", "median", "p95", "p99", "max")
_UNITS = ("instructions", "cycles")


def print_latency(records: Sequence[Record], console: Console) -> None:
    """Print the distribution of those of `records` whose inferences are not all alike.

    Under the ticks is the time where a clock is stated.
    """
    shown = [record for record in records if _value(record, _unit(record), "spread")]
    if not shown:
        return
    several = len({record.image.engine for record in records}) > 1
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column("target\nmodel" + "\nengine" * several, overflow="fold")
    for heading in (*_COLUMNS, "spread\nfirst"):
        table.add_column(heading, justify="right", no_wrap=True)
    for record in shown:
        unit = _unit(record)
        cells = [_cell(record, unit, name) for name in _COLUMNS]
        spread, first = _value(record, unit, "spread"), _value(record, unit, "first")
        place = f"{record.target.name}\n{record.model.name}"
        place += f"\n{record.image.engine}" * several
        warm = "" if first is None else f"{first:,.0f}"
        table.add_row(place, *cells, f"{spread:.2%}\n{warm}")
    console.print(table)
    units = " or ".join(unit for unit in _UNITS if any(_unit(r) == unit for r in shown))
    legend = f"{units} per inference; spread: (max - min) / median; first: the warm-up, apart"
    console.print(legend, style="dim", highlight=False)


def _unit(record: Record) -> str:
    return next((unit for unit in _UNITS if f"{unit}_median" in record.numbers), "")


def _value(record: Record, unit: str, name: str) -> float | None:
    number = record.numbers.get(f"{unit}_{name}")
    return None if number is None else number.value


def _cell(record: Record, unit: str, name: str) -> str:
    ticks, seconds = _value(record, unit, name), _value(record, "latency", name)
    text = "" if ticks is None else f"{ticks:,.0f}"
    return text if seconds is None else f"{text}\n{seconds * 1000:,.3f} ms"
