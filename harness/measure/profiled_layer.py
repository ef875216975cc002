"""A layer of a profile, as a Record has it."""

import msgspec


class LayerProfile(msgspec.Struct, frozen=True):
    """A layer of the model: its operator, first output, and ticks, excluding the hook."""

    layer: int
    """Index of the operator in the model."""
    operator: str
    """Name of the operator."""
    name: str
    """Name of its first output tensor."""
    shape: list[int]
    """Shape of its first output tensor."""
    macs: int
    """Multiply-accumulate operations."""
    ticks: int
    """Ticks, without those of the hook."""
