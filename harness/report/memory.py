"""Tables of where flash and RAM go, and of what grew."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from harness.measure.memory import Piece, Use, by_part, growth, total

_SYMBOLS = 12


def print_memory(pieces: list[Piece], console: Console) -> None:
    """Print the parts of an image, and its largest symbols."""
    parts = _table("part", "flash", "RAM")
    for part, use in by_part(pieces).items():
        parts.add_row(part, *map(_bytes, use))
    parts.add_section()
    parts.add_row("all", *map(_bytes, total(pieces)))
    console.print(parts)
    symbols = _table("symbol", "bytes", "in")
    largest = sorted((p for p in pieces if p.symbol), key=lambda piece: -piece.size)
    for piece in largest[:_SYMBOLS]:
        symbols.add_row(piece.symbol, f"{piece.size:,}", f"{piece.section} {piece.file}")
    symbols.columns[2].justify = "left"
    console.print(symbols)


def print_growth(before: list[Piece], after: list[Piece], console: Console) -> None:
    """Print what the second image takes more than the first, by part and by symbol."""
    parts = _table("part", "flash", "", "RAM", "")
    old, new = by_part(before), by_part(after)
    for part in dict.fromkeys((*new, *old)):
        was, now = (side.get(part, Use(0, 0)) for side in (old, new))
        if was != now:
            parts.add_row(part, *_change(was.flash, now.flash), *_change(was.ram, now.ram))
    parts.add_section()
    was, now = total(before), total(after)
    parts.add_row("all", *_change(was.flash, now.flash), *_change(was.ram, now.ram))
    console.print(parts)
    changes = growth(before, after)
    if not changes:
        console.print("every symbol has the size that it had")
        return
    symbols = _table("symbol", "bytes", "in")
    for (part, file, symbol), size in list(changes.items())[:_SYMBOLS]:
        symbols.add_row(symbol or part, f"{size:+,}", file)
    symbols.columns[2].justify = "left"
    console.print(symbols)
    if len(changes) > _SYMBOLS:
        console.print(f"and {len(changes) - _SYMBOLS} smaller changes")


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _bytes(size: int) -> str:
    return f"{size:,}" if size else ""


def _change(was: int, now: int) -> tuple[str, str]:
    return _bytes(now), f"{now - was:+,}" if now != was else ""
