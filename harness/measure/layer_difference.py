"""How the first layer that differs from golden does so, as a Record has it."""

import msgspec


class LayerDifference(msgspec.Struct, frozen=True):
    """The first layer whose output differs from golden, for one vector."""

    vector: int
    """Index of the vector."""
    layer: int
    """Index of the operator in the model."""
    operator: str
    """Name of the operator."""
    name: str
    """Name of its output tensor."""
    shape: list[int]
    """Shape of its output tensor."""
    bytes: int
    """Bytes of the output."""
    bytes_differing: int
    """Bytes of the output that differ."""
    largest: float | None
    """Largest difference of two values. It is null if a value is not finite."""
    first: int
    """Flat index of the first value that differs."""
    ours: float | None
    """That value on the device. It is null if it is not finite."""
    golden: float | None
    """That value in golden. It is null if it is not finite."""
    equals: str = ""
    """Another way of rounding that reproduces every byte of the device's output."""

    def __str__(self) -> str:
        shape = "x".join(map(str, self.shape)) or "scalar"
        text = (
            f"first layer to differ (vector {self.vector}): {self.layer} ({self.operator}, "
            f"{self.name[:80]!r}, {shape}): {self.bytes_differing} of {self.bytes} bytes differ, "
            f"by {_show(self.largest)} at most; first: value {self.first}, {_show(self.ours)} "
            f"instead of {_show(self.golden)}"
        )
        return f"{text}; every byte equals {self.equals}" if self.equals else text


def _show(value: float | None) -> str:
    return "not finite" if value is None else f"{value:g}"
