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
class Hook:
    """What the way to the layer hook costs beside the hook itself, at the most, in instructions.

    `per_layer` is of each layer, `around` of what an inference does outside of its layers.
    """

    per_layer: int = 4  # the compiler may keep other values in registers for the hook's sake
    around: int = 16


NO_HOOK = Hook()
"""Of an engine whose generated code calls the hook itself."""


@dataclass(frozen=True)
class Generated:
    """The result of `Engine.generate`: files, and what is exactly known of them.

    `sources` are the C files outside `firmware`, first the generated one, and `headers` the
    library's; `version` is the engine's, as it was used. `arena_size` is the RAM for
    activations and scratch buffers, and no plan for them is smaller than `arena_least`;
    `weights_size` the constants of the model in flash; all in bytes. With `heap` the engine takes
    its arena from the RAM that the image leaves, and only the device knows how much. `libraries`
    are static ones that are linked. With `arena_by_trial` the arena's size is found on the built
    image, by `harness.image.arena_trial`.
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
    libraries: tuple[Path, ...] = ()
    arena_by_trial: bool = False
    hook: Hook = NO_HOOK

    @property
    def files(self) -> tuple[Path, ...]:
        """All that an image is made from, but for the firmware itself."""
        return (*self.sources, *self.headers, *self.libraries)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)
