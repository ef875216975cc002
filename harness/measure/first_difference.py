"""Where a device diverges from golden: the first layer that differs, and how."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.golden.rounding import recompute
from harness.measure.layer_difference import LayerDifference
from harness.model.graph import Graph, Operator

Array = np.ndarray[Any, Any]


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
