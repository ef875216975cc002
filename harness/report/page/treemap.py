"""The treemap of an image's flash or RAM: a tile for each large symbol, in the box of its part."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import squarify

from harness.image.memory_record import MemoryUse, SymbolUse
from harness.report.figures import Box

WIDTH = 600
HEIGHT = 170
_LEAST = 0.006  # share of the whole memory; smaller symbols of a part share a tile
_MOST = 40  # tiles of symbols

Memory = Literal["flash", "ram"]
Symbol = tuple[str, str, str]
"""The part, the file and the name of a symbol; an empty name stands for the rest of its part."""


@dataclass(frozen=True)
class Tile:
    """A symbol, or the `smaller` symbols of a part together, and what it was before.

    Without `before`, there is nothing to compare with, or only a part of the sizes is known.
    """

    symbol: Symbol
    box: Box
    size: int
    before: int | None
    smaller: int = 0

    @property
    def change(self) -> int:
        """How many bytes it grew."""
        return 0 if self.before is None else self.size - self.before


def key_of(use: SymbolUse) -> Symbol:
    """Return what tells a symbol from others."""
    return use.part, use.file, use.symbol


def treemap(use: MemoryUse, memory: Memory, before: MemoryUse | None) -> list[Tile]:
    """Return the tiles of an image's `memory`; `before` is the use of an earlier image."""
    parts = {name: size for name, part in use.parts.items() if (size := getattr(part, memory))}
    whole = sum(parts.values())
    if not whole:
        return []
    old = sizes_of(before, memory) if before else None
    listed: dict[str, list[SymbolUse]] = {}
    large = [each for each in use.symbols if getattr(each, memory) >= _LEAST * whole]
    for symbol in sorted(large, key=lambda each: -getattr(each, memory))[:_MOST]:
        listed.setdefault(symbol.part, []).append(symbol)
    boxes = _squares(list(parts.values()), Box(0, 0, WIDTH, HEIGHT))
    return [
        tile
        for (part, size), box in zip(parts.items(), boxes, strict=True)
        for tile in _tiles(part, size, box, _Symbols(use, listed.get(part, ()), memory, old))
    ]


@dataclass(frozen=True)
class _Symbols:
    """The `large` symbols of one part, and the sizes of all symbols before, if they are known."""

    use: MemoryUse
    large: Sequence[SymbolUse]
    memory: Memory
    before: Mapping[Symbol, int] | None


def sizes_of(use: MemoryUse, memory: Memory) -> dict[Symbol, int]:
    """Return the size of each symbol in `memory`."""
    return {key_of(each): getattr(each, memory) for each in use.symbols}


def _tiles(part: str, size: int, box: Box, symbols: _Symbols) -> Iterator[Tile]:
    memory, before = symbols.memory, symbols.before
    sizes = [(key_of(each), getattr(each, memory)) for each in symbols.large]
    rest = size - sum(own for _, own in sizes)
    if rest > 0:
        sizes.append(((part, "", ""), rest))
    named = sum(each.part == part and bool(getattr(each, memory)) for each in symbols.use.symbols)
    for (key, own), place in zip(sizes, _squares([own for _, own in sizes], box), strict=True):
        if key[-1]:
            yield Tile(key, place, own, None if before is None else before.get(key, 0))
        else:
            yield Tile(key, place, own, None, named - len(symbols.large))


def _squares(sizes: Sequence[int], box: Box) -> list[Box]:
    """Return a box for each of `sizes`, which share the area of `box`, in their order."""
    order = sorted(range(len(sizes)), key=lambda index: -sizes[index])
    width, height = max(box.width, 0.1), max(box.height, 0.1)
    normal = squarify.normalize_sizes([sizes[index] for index in order], width, height)
    found = squarify.squarify(normal, box.x, box.y, width, height)
    boxes = {
        index: Box(*(round(rectangle[key], 1) for key in ("x", "y", "dx", "dy")))
        for index, rectangle in zip(order, found, strict=True)
    }
    return [boxes[index] for index in range(len(sizes))]
