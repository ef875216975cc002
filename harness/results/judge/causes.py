"""Where two images differ: the layers that take longer, the symbols that grew."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from harness.results.record import Record


class PartChange(NamedTuple):
    """A layer or symbol, with its ticks or bytes in the old and in the new image."""

    name: str
    old: int
    new: int

    @property
    def difference(self) -> int:
        """New minus old."""
        return self.new - self.old


def layer_changes(old: Record, new: Record) -> list[PartChange]:
    """Return the layers whose ticks changed, the largest difference first.

    The list is empty unless both runs were profiled, and if two networks have different layers.
    Two engines may have different layers for the same network; a layer that an engine does not
    have counts 0 ticks.
    """
    before, after = ticks_of_layers(old), ticks_of_layers(new)
    if not before or not after:
        return []
    if old.model.digest != new.model.digest and before.keys() != after.keys():
        return []
    return _changed(
        PartChange(
            f"layer {index} ({operator})",
            *(side.get((index, operator), 0) for side in (before, after)),
        )
        for index, operator in {**before, **after}
    )


def ticks_of_layers(record: Record) -> dict[tuple[int, str], int]:
    """Return the ticks of each layer; the key is its index in the network and its operator."""
    return {(layer.layer, layer.operator): layer.ticks for layer in record.layers}


def symbol_changes(old: Record, new: Record, memory: Literal["flash", "ram"]) -> list[PartChange]:
    """Return the symbols whose size in `memory` changed, the largest difference first.

    The list is empty unless both records have symbols.
    """
    sides = [record.memory for record in (old, new) if record.memory]
    if len(sides) < 2:  # noqa: PLR2004 - both
        return []
    before, after = (
        {(each.symbol, each.file or each.part): getattr(each, memory) for each in side.symbols}
        for side in sides
    )
    return _changed(
        PartChange(
            f"{symbol} ({file.rsplit('/', 1)[-1]})",
            *(side.get((symbol, file), 0) for side in (before, after)),
        )
        for symbol, file in {**before, **after}
    )


def _changed(parts: Iterable[PartChange]) -> list[PartChange]:
    changed = [part for part in parts if part.difference]
    return sorted(changed, key=lambda part: (-abs(part.difference), part.name))
