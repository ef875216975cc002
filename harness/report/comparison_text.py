"""What two runs differ in, for a terminal; it fits 80 columns."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.measure.number import Number
from harness.report.plain_text import percent, printable
from harness.results.judge.causes import Part, layers, symbols
from harness.results.judge.compare import Comparison, Delta
from harness.results.judge.run_context import commit_of
from harness.results.record import Record

_ORDER = ("worse", "unclear", "changed", "better")
_LARGEST = 3  # parts that are shown of what differs; the rest is counted
_LARGE = 1000  # from which on a tenth is enough
_STYLES = {"worse": "bold red", "better": "green"}


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print what differs and why, and a line for all that does not."""
    old, new = comparison.old, comparison.new
    _say(console, str(new.combination), "bold")
    _say(console, f"{_run(old)}  →  {_run(new)}")
    for line in explain(comparison):
        _say(console, line)
    refused = comparison.judged("not comparable")
    for why in dict.fromkeys(delta.why for delta in refused):
        names = ", ".join(delta.name for delta in refused if delta.why == why)
        _say(console, f"not comparable ({why}): {names}")
    differing = [delta for delta in comparison.deltas if delta.judged in _ORDER]
    if differing:
        console.print(_table(differing))
    same = len(comparison.judged("same"))
    estimates = sum(delta.kind == "estimated" for delta in differing)
    if same:
        _say(console, f"the same: {same} {'other ' if differing else ''}numbers", "dim")
    if estimates:
        _say(console, "~ is an estimate, by the same model on both sides", "dim")


def explain(comparison: Comparison) -> Iterator[str]:
    """Yield why numbers may differ: what the runs were of, and where in the image it is."""
    yield from map(str, comparison.facts)
    if comparison.provenance:
        yield comparison.provenance
    old, new = comparison.old, comparison.new
    yield from _parts("layers", layers(old, new))
    yield from _parts("flash", symbols(old, new, "flash"))
    yield from _parts("RAM", symbols(old, new, "ram"))


def _parts(what: str, parts: Sequence[Part]) -> Iterator[str]:
    for part in parts[:_LARGEST]:
        yield f"{what}: {part.name} {part.old:,} → {part.new:,} ({part.difference:+,})"
    if len(parts) > _LARGEST:
        rest = sum(part.difference for part in parts[_LARGEST:])
        yield f"{what}: {len(parts) - _LARGEST} smaller changes ({rest:+,})"


def shown(number: Number | None) -> str:
    """Return the value for people; an estimate has a ~ before it."""
    if number is None:
        return "none"
    value = number.value
    large = abs(value) >= _LARGE
    text = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}" if large else f"{value:.6g}"
    return f"~{text}" if number.kind == "estimated" else text


def change(delta: Delta) -> str:
    """Return by how much a number changed."""
    if delta.old is None or delta.new is None or not delta.difference:
        return ""
    difference = shown(Number(abs(delta.difference), delta.new.unit, "exact"))
    sign = "+" if delta.difference > 0 else "-"
    if not delta.old.value:
        return f"{sign}{difference}"
    return f"{sign}{difference} ({percent(delta.relative)})"


def _table(deltas: Sequence[Delta]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("", overflow="fold")
    for heading in ("old", "new", "change"):
        table.add_column(heading, justify="right", overflow="fold")
    for delta in sorted(deltas, key=lambda delta: _ORDER.index(delta.judged)):
        verdict = Text(delta.judged, _STYLES.get(delta.judged, ""))
        row = [
            verdict,
            Text(printable(delta.name)),
            *map(Text, (shown(delta.old), shown(delta.new), change(delta))),
        ]
        table.add_row(*row)
        if delta.why:
            table.add_row("", Text(printable(delta.why), "dim"))
    return table


def _run(record: Record) -> str:
    commit = commit_of(record)
    return f"{record.started[:16]}{f' at {commit}' if commit else ''}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(printable(text), style), highlight=False)
