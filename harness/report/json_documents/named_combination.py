"""A combination as the options name it, for documents."""

import msgspec


class NamedCombination(msgspec.Struct, frozen=True, kw_only=True):
    """A combination, as the options name it."""

    target: str
    """Name of the target."""
    model: str
    """Name of the model."""
    engine: str
    """Name of the engine."""
    toolchain: str
    """Name of the toolchain."""
    opt: str
    """Optimization flag."""
