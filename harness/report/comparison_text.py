"""The differences between two runs, for a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.measure.number import Number
from harness.report.plain_text import percent
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import TerminalTable, name_columns, number_columns
from harness.results.judge.causes import PartChange, layer_changes, symbol_changes
from harness.results.judge.compare import Comparison, Delta
from harness.results.judge.run_context import commit_of
from harness.results.record import Record
from harness.support.printable import printable

_ORDER = ("worse", "unclear", "changed", "better")
_LARGEST = 3  # parts that are listed; the rest is counted
_LARGE = 1000  # larger numbers have one digit after the point
_STYLES = {"worse": "bold red", "better": "green"}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the differences and their possible causes, and one line for all equal numbers."""
    old, new = comparison.old, comparison.new
    print_line(console, keeping(str(new.combination), *new.combination, style="bold"))
    print_line(console, f"{_run(old)}  →  {_run(new)}")
    for which, record in (("old", old), ("new", new)):
        for reason in record.reasons:
            print_line(console, f"the {which} run failed: {reason}", "red")
    for line in explain(comparison):
        print_line(console, line)
    not_comparable = comparison.judged("not comparable")
    for why in dict.fromkeys(delta.why for delta in not_comparable):
        names = ", ".join(delta.name for delta in not_comparable if delta.why == why)
        print_line(console, f"not comparable ({why}): {names}")
    differing = [delta for delta in comparison.deltas if delta.judged in _ORDER]
    if differing:
        _table(differing).print_to(console)
    same = len(comparison.judged("same"))
    estimates = sum(delta.kind == "estimated" for delta in differing)
    if same:
        print_line(console, f"the same: {same} {'other ' if differing else ''}numbers", "dim")
    if estimates:
        print_line(console, "~: estimates, from the same model on both sides", "dim")


def explain(comparison: Comparison) -> Iterator[str]:
    """Yield possible causes: what else differs between the runs, and which parts changed."""
    yield from map(str, comparison.facts)
    if comparison.provenance:
        yield comparison.provenance
    if comparison.board_note:
        yield comparison.board_note
    old, new = comparison.old, comparison.new
    yield from _parts("layers", layer_changes(old, new))
    yield from _parts("flash", symbol_changes(old, new, "flash"))
    yield from _parts("RAM", symbol_changes(old, new, "ram"))


def _parts(what: str, parts: Sequence[PartChange]) -> Iterator[str]:
    for part in parts[:_LARGEST]:
        yield f"{what}: {part.name} {part.old:,} → {part.new:,} ({part.difference:+,})"
    if len(parts) > _LARGEST:
        rest = sum(part.difference for part in parts[_LARGEST:])
        yield f"{what}: {len(parts) - _LARGEST} smaller changes ({rest:+,})"


def value_text(number: Number | None) -> str:
    """Return the value as text; an estimate starts with ~."""
    if number is None:
        return "none"
    value = number.value
    large = abs(value) >= _LARGE
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}" if large else f"{value:.6g}"
    return f"~{text}" if number.kind == "estimated" else text


def change_text(delta: Delta) -> str:
    """Return the size of the change, and in percent; empty if there is none."""
    if delta.old is None or delta.new is None or not delta.difference:
        return ""
    difference = value_text(Number(abs(delta.difference), delta.new.unit, "exact"))
    sign = "+" if delta.difference > 0 else "-"
    if not delta.old.value:
        return f"{sign}{difference}"
    return f"{sign}{difference} ({percent(delta.relative)})"


def _table(deltas: Sequence[Delta]) -> TerminalTable:
    table = TerminalTable([*name_columns("", ""), *number_columns("old", "new", "change")])
    for delta in sorted(deltas, key=lambda delta: _ORDER.index(delta.judged)):
        row = [
            Text(delta.judged, _STYLES.get(delta.judged, "")),
            Text(printable(delta.name)),
            *map(Text, (value_text(delta.old), value_text(delta.new), change_text(delta))),
        ]
        table.add_row(*row)
        if delta.why:
            table.add_line(Text(f"    {printable(delta.why)}", "dim"))
    return table


def _run(record: Record) -> str:
    commit = commit_of(record)
    return f"{record.started[:16]}{f' at {commit}' if commit else ''}"
