"""What an engine reports about the sources that it wrote."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class LayerInfo:
    """One operator of the model: index, kind, and multiply-accumulates per inference."""

    index: int
    kind: str
    macs: int


@dataclass(frozen=True)
class Hook:
    """Upper bounds, in instructions, for the overhead of calling the layer hook.

    The instructions of the hook itself are not included. `per_layer` counts for each layer,
    `around` for the rest of an inference.
    """

    per_layer: int = 4  # because of the call, the compiler may allocate registers differently
    around: int = 16


NO_HOOK = Hook()
"""The overhead if the generated code calls the hook itself."""


@dataclass(frozen=True)
class Generated:
    """The result of `Engine.generate`: files and exact sizes.

    `sources` are the C files outside `firmware`, the generated one first; `headers` are the
    library's; `libraries` are static libraries to link. `version` is the version of the engine that
    was used. `arena_size` is the RAM for activations and scratch buffers, `arena_least` a lower
    bound for it, `state_size` its part that keeps a state between inferences, `weights_size` the
    model's constants in flash; all in bytes. With `heap` the engine allocates its arena in RAM that
    the image does not use, and only the device knows its size. With `arena_by_trial`,
    `harness.image.arena_trial` determines the arena's size with the built image.
    """

    sources: tuple[Path, ...]
    cmake: Path
    arena_size: int
    weights_size: int
    layers: tuple[LayerInfo, ...]
    version: str
    headers: tuple[Path, ...] = ()
    arena_least: int = 0
    state_size: int = 0
    heap: bool = False
    libraries: tuple[Path, ...] = ()
    arena_by_trial: bool = False
    hook: Hook = NO_HOOK

    @property
    def files(self) -> tuple[Path, ...]:
        """All inputs of the image except the firmware."""
        return (*self.sources, *self.headers, *self.libraries)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.macs for layer in self.layers)
