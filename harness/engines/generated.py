"""What an engine reports about the sources it wrote."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LayerInfo:
    """One operator of the model: its place, kind, and multiply-accumulates an inference."""

    index: int
    kind: str
    macs: int


@dataclass(frozen=True)
class Generated:
    """The result of `Engine.generate`: files, and what is exactly known of them.

    `sources` are the C files outside `firmware`, first the generated one, and `headers` the
    library's; `version` is the engine's, as it was used. `arena_size` is the RAM for
    activations and scratch buffers, and no plan for them is smaller than `arena_least`;
    `weights_size` the constants of the model in flash; all in bytes. With `heap` the engine takes
    its arena from the RAM that the image leaves, and only the device knows how much.
    """

    sources: tuple[Path, ...]
    cmake: Path
    arena_size: int
    weights_size: int
    layers: tuple[LayerInfo, ...]
    version: str
    headers: tuple[Path, ...] = ()
    arena_least: int = 0
    heap: bool = False

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)
