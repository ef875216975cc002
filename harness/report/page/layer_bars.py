"""The layers of a run as bars, with those of an earlier run."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.measure.profiled_layer import LayerProfile
from harness.results.judge.causes import ticks_of_layers
from harness.results.record import Record


@dataclass(frozen=True)
class LayerBar:
    """A layer, its ticks before, and both as shares of the longest bar of all.

    Without `before`, the layer is not compared.
    """

    layer: LayerProfile
    before: int | None
    length: float
    length_before: float

    @property
    def relative(self) -> float:
        """The difference to the ticks before, relative to them; 0 if there is none."""
        return (self.layer.ticks - self.before) / self.before if self.before else 0.0


def layer_bars(record: Record, earlier: Record | None) -> Sequence[LayerBar]:
    """Return the layers of `record`; `earlier` may have other layers, or none."""
    old = ticks_of_layers(earlier) if earlier and _are_alike(earlier, record) else {}
    longest = max((*(layer.ticks for layer in record.layers), *old.values(), 1))
    bars = []
    for layer in record.layers:
        before = old.get((layer.layer, layer.operator))
        bars.append(LayerBar(layer, before, layer.ticks / longest, (before or 0) / longest))
    return bars


def _are_alike(old: Record, new: Record) -> bool:
    """Tell whether the layers of two runs can be compared."""
    same_network = old.model.digest == new.model.digest
    return same_network or ticks_of_layers(old).keys() == ticks_of_layers(new).keys()
