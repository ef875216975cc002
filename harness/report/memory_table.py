"""Tables of the flash and RAM of an image, and of its growth."""

from rich.console import Console
from rich.table import Table

from harness.image.memory_use import Piece, Use, by_part, by_section, growth, total
from harness.report.terminal_table import new_table
from harness.support.memory_map import Memory

_MAX_SYMBOLS = 12


def print_memory(pieces: list[Piece], console: Console, memory: Memory | None = None) -> None:
    """Print the parts and sections of an image, what is left of `memory`, and large symbols."""
    for title, uses in (("part", by_part(pieces)), ("section", by_section(pieces))):
        table = _table(title, "flash", "RAM")
        for name, use in uses.items():
            table.add_row(name, *map(_bytes, _pair(use)))
        table.add_section()
        table.add_row("all", *map(_bytes, _pair(total(pieces))))
        if memory is not None:
            table.add_row("left", *_left(total(pieces), memory))
        console.print(table)
    symbols = _table("symbol", "bytes", "in")
    largest = sorted((p for p in pieces if p.symbol), key=lambda piece: -piece.size)
    for piece in largest[:_MAX_SYMBOLS]:
        symbols.add_row(piece.symbol, f"{piece.size:,}", f"{piece.section} {piece.file}")
    symbols.columns[2].justify = "left"
    console.print(symbols)


def print_growth(
    before: list[Piece], after: list[Piece], console: Console, memory: Memory | None = None
) -> None:
    """Print the growth from the first to the second image, by part, section and symbol.

    Also print what the second image leaves of `memory`.
    """
    for title, uses in (("part", by_part), ("section", by_section)):
        table = _table(title, "flash", "", "RAM", "")
        old, new = uses(before), uses(after)
        for name in dict.fromkeys((*new, *old)):
            was, now = (side.get(name, Use()) for side in (old, new))
            if was != now:
                table.add_row(name, *_change(was.flash, now.flash), *_change(was.ram, now.ram))
        table.add_section()
        was, now = total(before), total(after)
        table.add_row("all", *_change(was.flash, now.flash), *_change(was.ram, now.ram))
        if memory is not None:
            flash, ram = _left(now, memory)
            table.add_row("left", flash, "", ram)
        console.print(table)
    changes = growth(before, after)
    if not changes:
        console.print("no symbol changed its size")
        return
    symbols = _table("symbol", "bytes", "in")
    for (part, file, symbol), size in list(changes.items())[:_MAX_SYMBOLS]:
        symbols.add_row(symbol or part, f"{size:+,}", file)
    symbols.columns[2].justify = "left"
    console.print(symbols)
    if len(changes) > _MAX_SYMBOLS:
        console.print(f"and {len(changes) - _MAX_SYMBOLS} smaller changes")


def _table(first: str, *others: str) -> Table:
    table = new_table()
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _pair(use: Use) -> tuple[int, int]:
    return use.flash, use.ram


def _left(use: Use, memory: Memory) -> tuple[str, str]:
    return f"{memory.flash.size - use.flash:,}", f"{memory.ram.size - use.ram:,}"


def _bytes(size: int) -> str:
    return f"{size:,}" if size else ""


def _change(was: int, now: int) -> tuple[str, str]:
    return _bytes(now), f"{now - was:+,}" if now != was else ""
