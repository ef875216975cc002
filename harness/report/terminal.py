"""One table of runs for a terminal."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.results.record import Record

_TICKS = ("instructions", "cycles")


def print_table(records: Sequence[Record], console: Console) -> None:
    """Print one row for each of `records`, and what kind the numbers are."""
    units = [unit for unit in _TICKS if any(f"{unit}_median" in r.numbers for r in records)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), expand=False)
    for heading in ("target", "model", "engine"):
        table.add_column(heading, overflow="fold")
    for heading in ("accuracy\n(floor)", "vectors", "bytes off\ngolden"):
        table.add_column(heading, justify="right")
    for unit in units:
        table.add_column(f"{unit}\n/inference", justify="right")
    for heading in ("flash", "RAM", "wall"):
        table.add_column(heading, justify="right")
    for record in records:
        table.add_row(*_row(record, units))
    console.print(table)
    console.print(_legend(units), style="dim", highlight=False)


def _row(record: Record, units: Sequence[str]) -> list[str | Text]:
    value = {name: number.value for name, number in record.numbers.items()}
    right = value["accuracy"] >= value["accuracy_floor"]
    accuracy = Text(f"{value['accuracy']:.4f}", style="" if right else "bold red")
    accuracy.append(f"\n(≥{value['accuracy_floor']:g})", style="dim")
    ticks = [
        f"{value[f'{unit}_median']:,.0f}" if f"{unit}_median" in value else "" for unit in units
    ]
    return [
        record.target.name,
        record.model.name,
        record.image.engine,
        accuracy,
        f"{value['vectors']:,}",
        Text(f"{value['bytes_differing']:,}", "bold red" if value["bytes_differing"] else "green"),
        *ticks,
        f"{value['flash']:,}",
        f"{value['ram']:,}",
        f"{value['wall']:.1f} s",
    ]


def _legend(units: Sequence[str]) -> str:
    exact = ["accuracy", "bytes"]
    measured = ["wall time"]
    for unit in units:
        (exact if unit == "instructions" else measured).append(f"{unit} (median)")
    exact += ["flash and RAM in bytes"]
    return f"exact: {', '.join(exact)}; measured: {', '.join(measured)}"
