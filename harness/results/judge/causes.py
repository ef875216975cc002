"""Where in an image a difference is: the layers that take longer, the symbols that grew."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from harness.results.record import Record


class Part(NamedTuple):
    """Something of both images, with what it took in the old and in the new one."""

    name: str
    old: int
    new: int

    @property
    def difference(self) -> int:
        """New minus old."""
        return self.new - self.old


def layers(old: Record, new: Record) -> list[Part]:
    """Return the layers that take other ticks than before, the largest difference first.

    There are none where not both were profiled, or the networks have other layers. Of one
    network, engines may have other layers: what one has not, it takes no ticks for.
    """
    before, after = ticks_of_layers(old), ticks_of_layers(new)
    if not before or not after:
        return []
    if old.model.digest != new.model.digest and before.keys() != after.keys():
        return []
    return _changed(
        Part(
            f"layer {index} ({operator})",
            *(side.get((index, operator), 0) for side in (before, after)),
        )
        for index, operator in {**before, **after}
    )


def ticks_of_layers(record: Record) -> dict[tuple[int, str], int]:
    """Return what each layer takes, by its place in the network and its operator."""
    return {(layer.layer, layer.operator): layer.ticks for layer in record.layers}


def symbols(old: Record, new: Record, memory: Literal["flash", "ram"]) -> list[Part]:
    """Return the symbols whose size in `memory`, flash or ram, changed, the largest first.

    There are none where not both records tell them.
    """
    sides = [record.memory for record in (old, new) if record.memory]
    if len(sides) < 2:  # noqa: PLR2004 - both
        return []
    before, after = (
        {(each.symbol, each.file or each.part): getattr(each, memory) for each in side.symbols}
        for side in sides
    )
    return _changed(
        Part(
            f"{symbol} ({file.rsplit('/', 1)[-1]})",
            *(side.get((symbol, file), 0) for side in (before, after)),
        )
        for symbol, file in {**before, **after}
    )


def _changed(parts: Iterable[Part]) -> list[Part]:
    found = [part for part in parts if part.difference]
    return sorted(found, key=lambda part: (-abs(part.difference), part.name))
