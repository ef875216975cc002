"""The memory of an image in the report: treemaps, and the table of symbols that they link to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.image.memory_record import MemoryUse
from harness.report.page.treemap import Memory, Symbol, Tile, sizes_of, treemap

_MEMORIES: Sequence[Memory] = ("flash", "ram")
_COLOURS = {
    "engine": 0,
    "model": 1,
    "arena": 1,  # in Records without a memory map
    "link": 2,
    "stack": 3,
    "port": 4,
    "libc": 5,
    "application": 6,
}
_OTHER_COLOUR = 7


def colour_of(part: str) -> int:
    """Return the number of a part's colour, the same in every image."""
    return _COLOURS.get(part, _OTHER_COLOUR)


@dataclass(frozen=True)
class SymbolRow:
    """A symbol's bytes of flash and RAM, now and before; None: it is not compared."""

    symbol: Symbol
    flash: int
    ram: int
    flash_before: int | None = None
    ram_before: int | None = None

    @property
    def changed(self) -> bool:
        """Whether its size changed."""
        pairs = ((self.flash, self.flash_before), (self.ram, self.ram_before))
        return any(before is not None and before != now for now, before in pairs)


@dataclass(frozen=True)
class MemoryMap:
    """The memory of an image, and of an earlier one, which may be unknown."""

    use: MemoryUse
    before: MemoryUse | None

    @cached_property
    def tiles(self) -> Mapping[Memory, Sequence[Tile]]:
        """The treemap of each memory."""
        return {memory: treemap(self.use, memory, self.before) for memory in _MEMORIES}

    @cached_property
    def rows(self) -> Sequence[SymbolRow]:
        """The symbols with a tile, and those that changed or are gone; the largest come first."""
        shown = {t.symbol for tiles in self.tiles.values() for t in tiles if t.symbol[-1]}
        now = {memory: sizes_of(self.use, memory) for memory in _MEMORIES}
        old = {memory: sizes_of(self.before, memory) for memory in _MEMORIES} if self.before else {}
        names = dict.fromkeys((*now["flash"], *old.get("flash", ())))
        rows = (
            SymbolRow(
                name,
                *(now[memory].get(name, 0) for memory in _MEMORIES),
                *(old[memory].get(name, 0) if old else None for memory in _MEMORIES),
            )
            for name in names
        )
        kept = [row for row in rows if row.symbol in shown or row.changed]
        return sorted(kept, key=lambda row: (not row.changed, -max(row.flash, row.ram)))

    @cached_property
    def places(self) -> Mapping[Symbol, int]:
        """The place of each symbol among the rows."""
        return {row.symbol: place for place, row in enumerate(self.rows)}

    def part(self, name: str, memory: Memory) -> tuple[int, int]:
        """Return the bytes of a part, and by how many it grew."""
        now: int = getattr(self.use.parts[name], memory) if name in self.use.parts else 0
        if self.before is None:
            return now, 0
        old: int = getattr(self.before.parts[name], memory) if name in self.before.parts else 0
        return now, now - old
