"""Engines side by side: each number, and below it the parts that make the difference.

`rows_of` returns the rows for any kind of report; `print_side_by_side` prints them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, groupby
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from harness.measure.number import Kind, Number
from harness.measure.shown_number import error_of, few_digits, percent, quantity
from harness.report.quality_text import is_within_tolerance
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import TerminalTable, name_columns, number_columns
from harness.results.judge.compare import Delta
from harness.results.judge.side_by_side import Parts, SideBySide, flash_parts, ram_parts, tick_parts
from harness.results.record import Record
from harness.support.printable import printable

_LARGEST_PARTS = 4  # parts that a number has in the table; the rest is one sum
_OTHER_ENGINES = 2  # engines in a terminal's table beside the first; more do not fit
_LISTED_LAYERS = 5
_LARGE = 1000  # larger ratios have no digits after the point


# Title, name of the number in a Record, text for the legend, and the function for its parts.
_LINES: Sequence[tuple[str, str, str, Callable[[Record], Parts] | None]] = (
    ("≠ golden", "bytes_differing", " (output bytes that differ)", None),
    ("instructions", "instructions_median", " (median; of vector 0 in layers)", tick_parts),
    ("cycles", "cycles_median", " (median; of vector 0 in layers)", tick_parts),
    ("~ cycles", "cycles_estimated", "", None),
    ("energy", "energy_median", " (median)", None),
    ("flash", "flash", "", flash_parts),
    ("RAM", "ram", "", ram_parts),
    ("arena", "arena", " (bytes)", None),
)


class Cell(NamedTuple):
    """A number of one engine.

    `comparison` is the ratio to the first engine's number; for a part, it is the part's share of
    the whole difference to the first engine. `wrong` marks outputs that differ from golden
    by more than they may.
    """

    text: str = ""
    comparison: str = ""
    wrong: bool = False


@dataclass(frozen=True)
class Row:
    """A number of all engines, or a part of the number above it."""

    name: str
    cells: Sequence[Cell]
    is_part: bool = False


def rows_of(group: SideBySide) -> Iterator[Row]:
    """Yield the rows of a table with a column for each record of the group."""
    for title, name, _, parts in _LINES:
        if any(name in record.numbers for record in group.records):
            yield Row(title, _cells(name, group))
            if parts:
                yield from _parts([parts(record) for record in group.records])
    if any(record.layers for record in group.records):
        counts = [len(record.layers) for record in group.records]
        yield Row("layers", [Cell(f"{layers:,}" if layers else "") for layers in counts])


def notes_of(group: SideBySide) -> Iterator[str]:
    """Yield notes on the rows: what is missing, unclear or not comparable."""
    yield from (f"{engine} {why}" for engine, why in group.refused.items())
    for record in group.records:
        yield from (f"{record.image.engine} failed: {reason}" for reason in record.reasons)
    unprofiled = [record for record in group.records if group.comparisons and not record.layers]
    if unprofiled == group.records and not any(r.profile_unavailable for r in unprofiled):
        yield "no layers: use --profile to see which layers differ"
    else:
        for record in unprofiled:
            reason = record.profile_unavailable or "not profiled"
            yield f"no layers for {record.image.engine}: {reason}"
    for engine, names in group.unmatched.items():
        more = f" and {len(names) - _LISTED_LAYERS} more" if len(names) > _LISTED_LAYERS else ""
        listed = f"{', '.join(names[:_LISTED_LAYERS])}{more}"
        yield f"layers of {engine} that not every engine has ({len(names)}): {listed}"
    shown = {name: title for title, name, *_ in _LINES}
    for comparison in group.comparisons:
        if comparison.board_note:
            yield f"{comparison.new.image.engine}: {comparison.board_note}"
        for delta in comparison.judged("unclear", "not comparable"):
            if delta.name in shown:
                engine = comparison.new.image.engine
                yield f"{engine}, {shown[delta.name]}, {delta.judged}: {delta.why}"


def legend_of(groups: Sequence[SideBySide]) -> list[str]:
    """Return the kinds of the numbers, and what the comparisons mean."""
    kinds: dict[Kind, dict[str, None]] = {"exact": {}, "measured": {}, "estimated": {}}
    for record in (record for group in groups for record in group.records):
        for title, name, what, _ in _LINES:
            if name in record.numbers:
                number = record.numbers[name]
                by = f", {error_of(number.error)} ({number.model})" if number.model else ""
                kinds[number.kind][f"{title}{what}{by}"] = None
    lines = [f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names]
    return [*lines, "x: ratio to the first engine; %: share of the difference to the first engine"]


def _cells(name: str, group: SideBySide) -> list[Cell]:
    deltas = [{delta.name: delta for delta in each.deltas} for each in group.comparisons]
    cells = []
    for record, compared in zip(group.records, [{}, *deltas], strict=True):
        number = record.numbers.get(name)
        differs = name == "bytes_differing" and number is not None and number.value > 0
        wrong = differs and not is_within_tolerance(record)
        cells.append(Cell(_value_text(number), _ratio_text(compared.get(name)), wrong))
    return cells


def _value_text(number: Number | None) -> str:
    if number is None:
        return ""
    if number.kind == "estimated":
        return f"~ {few_digits(number.value)}"
    whole = number.unit in {"1", "byte"}
    return f"{number.value:,.0f}" if whole else quantity(number.value, number.unit)


def _ratio_text(delta: Delta | None) -> str:
    """Return the ratio to the first engine's number; empty if there is none."""
    if delta is None or not delta.old or not delta.new or delta.judged == "not comparable":
        return ""
    if not delta.old.value:
        return ""
    if delta.judged == "same":
        return "="
    unclear = " ?" if delta.judged == "unclear" else ""
    ratio = _digits_of_ratio(delta.new.value / delta.old.value)
    return f"{'~ ' if delta.kind == 'estimated' else ''}{ratio}x{unclear}"


def _digits_of_ratio(ratio: float) -> str:
    """Return three digits, or more if three digits round a difference to 1."""
    if ratio >= _LARGE:
        return f"{ratio:,.0f}"
    return next(text for digits in count(3) if float(text := f"{ratio:.{digits}g}") != 1)


def _parts(sides: Sequence[Parts]) -> Iterator[Row]:
    """Yield the parts that differ most from the first engine's, and the sum of the rest."""
    first, *others = sides
    if not first or not any(others):
        return
    known = [side for side in others if side]

    def difference(name: str) -> int:
        return max(abs(side.get(name, 0) - first.get(name, 0)) for side in known)

    all_names = dict.fromkeys(name for side in sides for name in side)
    names = sorted(all_names, key=lambda name: -difference(name))
    differing = [name for name in names if difference(name)]
    # A single remaining part takes no more room than the row "1 other".
    large = differing[: _LARGEST_PARTS if len(names) > _LARGEST_PARTS + 1 else len(names)]
    for name in large:
        yield _part(name, sides, [name])
    if large and len(names) > len(large):
        rest = names[len(large) :]
        yield _part(f"{len(rest)} others" if len(rest) > 1 else "1 other", sides, rest)


def _part(title: str, sides: Sequence[Parts], names: Sequence[str]) -> Row:
    """Return the row with the sum of some parts; - if an engine does not have them."""
    first = sides[0]
    cells = []
    for side in sides:
        sizes = [side[name] for name in names if name in side]
        whole = sum(side.values()) - sum(first.values())
        difference = sum(sizes) - sum(first.get(name, 0) for name in names)
        share = percent(difference / whole) if whole and difference and side else ""
        cells.append(Cell(f"{sum(sizes):,}" if sizes else "-" if side else "", share))
    return Row(title, cells, is_part=True)


def print_side_by_side(groups: Sequence[SideBySide], console: Console) -> None:
    """Print the tables of `groups`, with a column for each engine; nothing without groups."""
    narrow = [part for group in groups for part in _narrow(group)]
    for engines, parts in groupby(narrow, key=_engines):
        if len(engines) > 1:
            _table(engines, list(parts)).print_to(console)
    compared = [group for group in groups if group.comparisons]
    for line in legend_of(compared) if compared else ():
        print_line(console, line, "dim")
    for group in groups:
        for note in notes_of(group):
            model, target = group.first.model.name, group.first.target.name
            print_line(console, keeping(f"{model} on {target}: {note}", model, target))


def _narrow(group: SideBySide) -> Iterator[SideBySide]:
    """Yield `group` in parts with no more engines than fit into a table."""
    for start in range(0, len(group.comparisons), _OTHER_ENGINES) or [0]:
        yield replace(group, comparisons=group.comparisons[start : start + _OTHER_ENGINES])


def _engines(group: SideBySide) -> list[str]:
    return [record.image.engine for record in group.records]


def _table(engines: Sequence[str], groups: Sequence[SideBySide]) -> TerminalTable:
    first, *others = map(printable, engines)
    table = TerminalTable(
        [*name_columns(""), *number_columns(first, *(h for name in others for h in (name, "")))]
    )
    for index, group in enumerate(groups):
        if index:
            table.add_line()
        names = group.first.target.name, group.first.model.name
        table.add_line(keeping(title_of(group), *names, style="bold"))
        for row in rows_of(group):
            table.add_row(*_texts(row))
    return table


def _texts(row: Row) -> Iterator[Text]:
    style = "dim" if row.is_part else ""
    yield Text(f"{'    ' if row.is_part else '  '}{printable(row.name)}", style)
    for index, cell in enumerate(row.cells):
        yield Text(cell.text, "bold red" if cell.wrong else style)
        if index:
            yield Text(cell.comparison, style)


def title_of(group: SideBySide) -> str:
    """Return target, model and build of the group, as a title."""
    first = group.first
    build = f"{first.image.toolchain} {first.image.optimize}"
    if first.subset:
        build = f"{build}, {first.subset}"
    return printable(f"{first.target.name}, {first.model.name} ({build})")
