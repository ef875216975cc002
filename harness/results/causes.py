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

    There are none where not both were profiled, or the networks have other layers.
    """
    before, after = old.layers, new.layers
    if [layer.operator for layer in before] != [layer.operator for layer in after]:
        return []
    return _changed(
        Part(f"layer {now.layer} ({now.operator})", was.ticks, now.ticks)
        for was, now in zip(before, after, strict=True)
    )


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
