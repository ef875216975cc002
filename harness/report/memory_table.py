"""Tables of the flash and RAM of an image, and of its growth."""

from rich.console import Console

from harness.image.memory_record import Use
from harness.image.memory_use import Piece, by_part, by_section, growth, total
from harness.report.terminal_lines import print_line
from harness.report.terminal_table import Column, TerminalTable, name_columns, number_columns
from harness.support.memory_map import Memory

_MAX_SYMBOLS = 12


def print_memory(pieces: list[Piece], console: Console, memory: Memory | None = None) -> None:
    """Print the parts and sections of an image, what is left of `memory`, and large symbols."""
    for title, uses in (("part", by_part(pieces)), ("section", by_section(pieces))):
        table = TerminalTable([*name_columns(title), *number_columns("flash", "RAM")])
        for name, use in uses.items():
            table.add_row(name, *map(_bytes, _pair(use)))
        table.add_line()
        table.add_row("all", *map(_bytes, _pair(total(pieces))))
        if memory is not None:
            table.add_row("left", *_left(total(pieces), memory))
        table.print_to(console)
    symbols = _symbols()
    largest = sorted((p for p in pieces if p.symbol), key=lambda piece: -piece.size)
    for piece in largest[:_MAX_SYMBOLS]:
        symbols.add_row(piece.symbol, f"{piece.size:,}", f"{piece.section} {piece.file}")
    symbols.print_to(console)


def print_growth(
    before: list[Piece], after: list[Piece], console: Console, memory: Memory | None = None
) -> None:
    """Print the growth from the first to the second image, by part, section and symbol.

    Also print what the second image leaves of `memory`.
    """
    for title, uses in (("part", by_part), ("section", by_section)):
        table = TerminalTable([*name_columns(title), *number_columns("flash", "", "RAM", "")])
        old, new = uses(before), uses(after)
        for name in dict.fromkeys((*new, *old)):
            was, now = (side.get(name, Use()) for side in (old, new))
            if was != now:
                table.add_row(name, *_change(was.flash, now.flash), *_change(was.ram, now.ram))
        table.add_line()
        was, now = total(before), total(after)
        table.add_row("all", *_change(was.flash, now.flash), *_change(was.ram, now.ram))
        if memory is not None:
            flash, ram = _left(now, memory)
            table.add_row("left", flash, "", ram)
        table.print_to(console)
    changes = growth(before, after)
    if not changes:
        print_line(console, "no symbol changed its size")
        return
    symbols = _symbols()
    for (part, file, symbol), size in list(changes.items())[:_MAX_SYMBOLS]:
        symbols.add_row(symbol or part, f"{size:+,}", file)
    symbols.print_to(console)
    if len(changes) > _MAX_SYMBOLS:
        print_line(console, f"and {len(changes) - _MAX_SYMBOLS} smaller changes")


def _symbols() -> TerminalTable:
    return TerminalTable(
        [*name_columns("symbol"), *number_columns("bytes"), Column("in", "detail")]
    )


def _pair(use: Use) -> tuple[int, int]:
    return use.flash, use.ram


def _left(use: Use, memory: Memory) -> tuple[str, str]:
    return f"{memory.flash.size - use.flash:,}", f"{memory.ram.size - use.ram:,}"


def _bytes(size: int) -> str:
    return f"{size:,}" if size else ""


def _change(was: int, now: int) -> tuple[str, str]:
    return _bytes(now), f"{now - was:+,}" if now != was else ""
