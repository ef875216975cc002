"""Where a device diverges from golden: the first layer that differs, and how."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from harness.golden.rounding import recompute
from harness.model.graph import Graph, Operator

Array = np.ndarray[Any, Any]


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


def difference(
    graph: Graph,
    operator: Operator,
    output: int,
    values: Mapping[int, Array],
    data: bytes,
    vector: int,
) -> LayerDifference:
    """Compare `data`, the device's bytes for output number `output` of `operator`, with golden.

    `values` are golden's: every computed tensor and the graph's inputs, by index. At least one
    byte must differ.
    """
    tensor = graph.tensors[operator.outputs[output]]
    theirs = np.ascontiguousarray(values[tensor.index]).reshape(-1)
    ours = np.frombuffer(data, theirs.dtype)
    differing = np.flatnonzero(ours.view(np.uint8) != theirs.view(np.uint8))
    first = int(differing[0]) // theirs.itemsize
    with np.errstate(invalid="ignore"):  # a float model's output may be infinite
        largest = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
    return LayerDifference(
        vector=vector,
        layer=operator.index,
        operator=operator.kind,
        name=tensor.name,
        shape=list(tensor.shape),
        bytes=len(data),
        bytes_differing=len(differing),
        largest=_finite(largest),
        first=first,
        ours=_finite(ours[first]),
        golden=_finite(theirs[first]),
        equals=_matching_rounding(graph, operator, values, ours),
    )


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _show(value: float | None) -> str:
    return "not finite" if value is None else f"{value:g}"


def _matching_rounding(
    graph: Graph, operator: Operator, values: Mapping[int, Array], ours: Array
) -> str:
    """Return the ways of rounding that reproduce `ours`; "" if no way reproduces golden."""
    ways = recompute(graph, operator, values)
    golden = values[operator.outputs[0]]
    if not any(np.array_equal(result, golden) for result in ways.values()):
        return ""  # rounding alone does not explain it, or `recompute` computes something else
    same = [name for name, result in ways.items() if np.array_equal(result.ravel(), ours)]
    return " and ".join(same)
