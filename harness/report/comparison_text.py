"""The differences between two runs, for a terminal."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from harness.engines.prebuilt_engine import PREBUILT
from harness.measure.number import Number
from harness.measure.shown_number import SCALED, percent, quantity
from harness.report.terminal_lines import keeping, print_line
from harness.report.terminal_table import TerminalTable, name_columns, number_columns
from harness.results.judge.causes import PartChange, layer_changes, symbol_changes
from harness.results.judge.compare import Comparison, Delta
from harness.results.judge.quantity_changes import SMALL, QuantityChange, quantity_changes
from harness.results.judge.run_context import commit_of
from harness.results.record import Record
from harness.support.printable import printable

_LARGEST = 3  # parts that are listed; the rest is counted
_LARGE = 1000  # larger numbers have one digit after the point
_DIGITS = 6
_STYLES = {"worse": "bold red", "better": "green"}


def print_comparison(comparison: Comparison, console: Console, small: float = SMALL) -> None:
    """Print the differences and their possible causes, and one line for all equal numbers.

    Changes below the share `small` are listed below the others.
    """
    old, new = comparison.old, comparison.new
    print_line(console, keeping(str(new.combination), *new.combination, style="bold"))
    for which, record in (("old", old), ("new", new)):
        print_line(console, f"  {which}: {run_text(record)}")
        for reason in record.reasons:
            print_line(console, f"  the {which} run failed: {reason}", "red")
    for line in explain(comparison):
        print_line(console, line)
    not_comparable = comparison.judged("not comparable")
    for why in dict.fromkeys(delta.why for delta in not_comparable):
        names = ", ".join(delta.name for delta in not_comparable if delta.why == why)
        print_line(console, f"not comparable ({why}): {names}")
    changes = quantity_changes(comparison.deltas, small)
    if any(not change.small for change in changes):
        _table([change for change in changes if not change.small]).print_to(console)
    for change in changes:
        if change.small:
            print_line(console, f"small: {change_line(change)}, {change.judged}", "dim")
    _print_notes(comparison, changes, console)


def _print_notes(
    comparison: Comparison, changes: Sequence[QuantityChange], console: Console
) -> None:
    same = len(comparison.judged("same"))
    if same:
        print_line(console, f"the same: {same} {'other ' if changes else ''}numbers", "dim")
    if any(change.main.kind == "estimated" for change in changes):
        print_line(console, "~: estimates, from the same model on both sides", "dim")


def run_text(record: Record) -> str:
    """Return the id of a run, when it started in UTC, and its commit and branch."""
    started = f"{datetime.fromisoformat(record.started).astimezone(UTC):%Y-%m-%d %H:%M}"
    commit = f", commit {commit_of(record)}" if record.commit else ""
    branch = f", branch {record.commit.branch}" if record.commit and record.commit.branch else ""
    return f"{record.id}, {started}{commit}{branch}"


def explain(comparison: Comparison) -> Iterator[str]:
    """Yield possible causes: what else differs between the runs, and which parts changed."""
    yield from map(str, comparison.facts)
    if comparison.provenance:
        yield comparison.provenance
    if comparison.board_note:
        yield comparison.board_note
    if _interrupted(comparison):
        yield "the minimum is the same: interrupts during inferences? docs/firmware.md"
    old, new = comparison.old, comparison.new
    yield from _parts("layers", layer_changes(old, new))
    yield from _parts("flash", symbol_changes(old, new, "flash"))
    yield from _parts("RAM", symbol_changes(old, new, "ram"))


def _interrupted(comparison: Comparison) -> bool:
    """Return whether interrupts of a prebuilt firmware may be why its ticks differ.

    They make some inferences longer: the slowest ones change from run to run, the fastest do not.
    """
    judged = {delta.name: delta.judged for delta in comparison.deltas}
    slowest = {judged.get(f"instructions_{name}", "same") for name in ("p95", "p99", "max")}
    fastest = judged.get("instructions_min")
    return (
        comparison.new.image.engine == PREBUILT and fastest == "same" and bool(slowest - {"same"})
    )


def _parts(what: str, parts: Sequence[PartChange]) -> Iterator[str]:
    for part in parts[:_LARGEST]:
        yield f"{what}: {part.name} {part.old:,} → {part.new:,} ({part.difference:+,})"
    if len(parts) > _LARGEST:
        rest = sum(part.difference for part in parts[_LARGEST:])
        yield f"{what}: {len(parts) - _LARGEST} smaller changes ({rest:+,})"


def value_text(number: Number | None) -> str:
    """Return the value as text; times and energies have their unit, an estimate starts with ~."""
    if number is None:
        return "none"
    value = number.value
    if number.unit in SCALED:
        text = quantity(value, number.unit, _DIGITS)
    elif value == int(value):
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.1f}" if abs(value) >= _LARGE else f"{value:.{_DIGITS}g}"
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


def others_text(change: QuantityChange) -> str:
    """Return how the other numbers of a quantity changed: `min, max: +1 % to +2 %`, or nothing."""
    if not change.others:
        return ""
    names = ", ".join(delta.name.rpartition("_")[2] for delta in change.others)
    shares = sorted(delta.relative for delta in change.others)
    least, most = percent(shares[0]), percent(shares[-1])
    return f"{names}: {least}" if least == most else f"{names}: {least} to {most}"


def change_line(change: QuantityChange) -> str:
    """Return a change in one line."""
    main, others = change.main, others_text(change)
    why = f" [{main.why}]" if main.why else ""
    values = f"{value_text(main.old)} → {value_text(main.new)}"
    return f"{main.name} {values}, {change_text(main)}{f'; {others}' if others else ''}{why}"


def _table(changes: Sequence[QuantityChange]) -> TerminalTable:
    table = TerminalTable([*name_columns("", ""), *number_columns("old", "new", "change")])
    for change in changes:
        main = change.main
        row = [
            Text(change.judged, _STYLES.get(change.judged, "")),
            Text(printable(main.name)),
            *map(Text, (value_text(main.old), value_text(main.new), change_text(main))),
        ]
        table.add_row(*row)
        for line in (others_text(change), main.why):
            if line:
                table.add_line(Text(f"    {printable(line)}", "dim"))
    return table
