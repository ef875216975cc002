"""Engines side by side: their numbers, and below each what makes the difference.

`rows_of` is the table for any report; `print_side_by_side` shows it in 80 columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby
from textwrap import fill
from typing import NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.measure.number import Kind, Number
from harness.report.plain_text import error_of, few_digits, percent, printable, quantity
from harness.results.judge.compare import Delta
from harness.results.judge.side_by_side import Parts, SideBySide, flash, ram, ticks
from harness.results.record import Record

_LARGEST = 4  # parts that are shown of a number; the rest is added up
_BESIDE = 2  # engines in a table, beside the first: more do not fit
_ENGINE = 14  # characters of a line of a heading
_PART = 32  # characters of its name
_NAMED = 5  # layers
_LARGE = 1000  # from which on a ratio has no digits after its point


# A title, the number of a record, what that is in the legend, and what it is made of.
_LINES: Sequence[tuple[str, str, str, Callable[[Record], Parts] | None]] = (
    ("≠ golden", "bytes_differing", " (output bytes that differ)", None),
    ("instructions", "instructions_median", " (median; of vector 0 in layers)", ticks),
    ("cycles", "cycles_median", " (median; of vector 0 in layers)", ticks),
    ("~ cycles", "cycles_estimated", "", None),
    ("energy", "energy_median", " (median)", None),
    ("flash", "flash", "", flash),
    ("RAM", "ram", "", ram),
    ("arena", "arena", " (bytes)", None),
)


class Cell(NamedTuple):
    """What an engine takes; `beside` is how many times the first engine's that is.

    Of a part, it is its share of the whole difference to the first engine.
    """

    text: str = ""
    beside: str = ""
    wrong: bool = False


@dataclass(frozen=True)
class Row:
    """A number of each engine, or a part of the number above."""

    name: str
    cells: Sequence[Cell]
    is_part: bool = False


def rows_of(group: SideBySide) -> Iterator[Row]:
    """Yield the rows of a table that has a column for each of the group's records."""
    for title, name, _, parts in _LINES:
        if any(name in record.numbers for record in group.records):
            yield Row(title, _cells(name, group))
            if parts:
                yield from _parts([parts(record) for record in group.records])
    if any(record.layers for record in group.records):
        counts = [len(record.layers) for record in group.records]
        yield Row("layers", [Cell(f"{layers:,}" if layers else "") for layers in counts])


def notes_of(group: SideBySide) -> Iterator[str]:
    """Yield what the rows need to be read rightly: what is missing, unclear or not comparable."""
    yield from (f"{engine} {why}" for engine, why in group.refused.items())
    silent = [record for record in group.records if group.comparisons and not record.layers]
    if silent == group.records and not any(record.profile_unavailable for record in silent):
        yield "no layers: --profile records which of them differ"
    else:
        for record in silent:
            reason = record.profile_unavailable or "not profiled"
            yield f"no layers of {record.image.engine}: {reason}"
    for engine, names in group.unmatched.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = f"{', '.join(names[:_NAMED])}{more}"
        yield f"not a layer in every engine, {len(names)} of {engine}'s: {listed}"
    shown = {name: title for title, name, *_ in _LINES}
    for comparison in group.comparisons:
        for delta in comparison.judged("unclear", "not comparable"):
            if delta.name in shown:
                engine = comparison.new.image.engine
                yield f"{engine}, {shown[delta.name]}, {delta.judged}: {delta.why}"


def legend_of(groups: Sequence[SideBySide]) -> list[str]:
    """Return of what kind the numbers are, and what stands beside them."""
    kinds: dict[Kind, dict[str, None]] = {"exact": {}, "measured": {}, "estimated": {}}
    for record in (record for group in groups for record in group.records):
        for title, name, what, _ in _LINES:
            if name in record.numbers:
                number = record.numbers[name]
                by = f", {error_of(number.error)} ({number.model})" if number.model else ""
                kinds[number.kind][f"{title}{what}{by}"] = None
    lines = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    return [*lines, "x: times the first engine's; %: share of the whole difference to it"]


def _cells(name: str, group: SideBySide) -> list[Cell]:
    deltas = [{delta.name: delta for delta in each.deltas} for each in group.comparisons]
    cells = []
    for record, known in zip(group.records, [{}, *deltas], strict=True):
        number = record.numbers.get(name)
        wrong = name == "bytes_differing" and number is not None and number.value > 0
        cells.append(Cell(_shown(number), _times(known.get(name)), wrong))
    return cells


def _shown(number: Number | None) -> str:
    if number is None:
        return ""
    if number.kind == "estimated":
        return f"~ {few_digits(number.value)}"
    whole = number.unit in {"1", "byte"}
    return f"{number.value:,.0f}" if whole else quantity(number.value, number.unit)


def _times(delta: Delta | None) -> str:
    """Return how many times the first engine's number this one is."""
    if delta is None or not delta.old or not delta.new or delta.judged == "not comparable":
        return ""
    if not delta.old.value:
        return ""
    if delta.judged == "same":
        return "="
    doubt = " ?" if delta.judged == "unclear" else ""
    times = _ratio(delta.new.value / delta.old.value)
    return f"{'~ ' if delta.kind == 'estimated' else ''}{times}x{doubt}"


def _ratio(ratio: float) -> str:
    """Return three digits, and so many more that what is not the same is not 1."""
    if ratio >= _LARGE:
        return f"{ratio:,.0f}"
    return next(text for digits in count(3) if float(text := f"{ratio:.{digits}g}") != 1)


def _parts(sides: Sequence[Parts]) -> Iterator[Row]:
    """Yield the parts that differ most from the first engine's, and the sum of the others."""
    first, *others = sides
    if not first or not any(others):
        return
    told = [side for side in others if side]

    def difference(name: str) -> int:
        return max(abs(side.get(name, 0) - first.get(name, 0)) for side in told)

    all_names = dict.fromkeys(name for side in sides for name in side)
    names = sorted(all_names, key=lambda name: -difference(name))
    differing = [name for name in names if difference(name)]
    # One more takes no more room than to say that there is one.
    large = differing[: _LARGEST if len(names) > _LARGEST + 1 else len(names)]
    for name in large:
        yield _part(name, sides, [name])
    if large and len(names) > len(large):
        rest = names[len(large) :]
        yield _part(f"{len(rest)} others" if len(rest) > 1 else "1 other", sides, rest)


def _part(title: str, sides: Sequence[Parts], names: Sequence[str]) -> Row:
    """Return the row of the sum of some parts; a - is what an engine does not have."""
    first = sides[0]
    cells = []
    for side in sides:
        there = [side[name] for name in names if name in side]
        whole = sum(side.values()) - sum(first.values())
        more = sum(there) - sum(first.get(name, 0) for name in names)
        share = percent(more / whole) if whole and more and side else ""
        cells.append(Cell(f"{sum(there):,}" if there else "-" if side else "", share))
    return Row(title, cells, is_part=True)


def print_side_by_side(groups: Sequence[SideBySide], console: Console) -> None:
    """Print tables of `groups`, a column for each engine; nothing if there is none."""
    narrow = [part for group in groups for part in _narrow(group)]
    for engines, some in groupby(narrow, key=_engines):
        if len(engines) > 1:
            console.print(_table(engines, list(some)))
    compared = [group for group in groups if group.comparisons]
    for line in legend_of(compared) if compared else ():
        console.print(Text(printable(line), "dim"), highlight=False)
    for group in groups:
        for note in notes_of(group):
            text = f"{group.first.model.name} on {group.first.target.name}: {note}"
            console.print(Text(printable(text)), highlight=False)


def _narrow(group: SideBySide) -> Iterator[SideBySide]:
    """Yield `group` in parts that have no more engines than a table has room for."""
    for start in range(0, len(group.comparisons), _BESIDE) or [0]:
        yield replace(group, comparisons=group.comparisons[start : start + _BESIDE])


def _engines(group: SideBySide) -> list[str]:
    return [record.image.engine for record in group.records]


def _table(engines: Sequence[str], groups: Sequence[SideBySide]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold")
    for place, engine in enumerate(engines):
        name = Text(fill(printable(engine), _ENGINE))
        table.add_column(name, justify="right", no_wrap=True)
        if place:
            table.add_column("", justify="right", no_wrap=True)
    for group in groups:
        table.add_row(Text(title_of(group), "bold", overflow="fold"))
        for row in rows_of(group):
            table.add_row(*_texts(row))
        table.add_section()
    return table


def _texts(row: Row) -> Iterator[Text]:
    style = "dim" if row.is_part else ""
    yield Text(f"    {printable(row.name, _PART)}" if row.is_part else f"  {row.name}", style)
    for place, cell in enumerate(row.cells):
        yield Text(cell.text, "bold red" if cell.wrong else style)
        if place:
            yield Text(cell.beside, style)


def title_of(group: SideBySide) -> str:
    """Return what all engines were measured on, in words."""
    first = group.first
    build = f"{first.image.toolchain} {first.image.optimize}"
    return printable(f"{first.target.name}, {first.model.name} ({build})")
