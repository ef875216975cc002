"""Sets what TFLM leaves unset behind the last detection of a TFLite_Detection_PostProcess to 0.

Without a pass for each class, TFLM writes only the detections that it finds. Behind them is what
the arena held before, which differs from build to build.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.model.graph import Graph
from harness.model.operator_options import DetectionOptions

Array = np.ndarray[Any, Any]


def clear(graph: Graph, tensors: Sequence[int], values: Sequence[Array]) -> None:
    """Change the `values`, each [N, *shape], of `tensors` in place, if they hold the count, too."""
    held = dict(zip(tensors, values, strict=True))
    for operator in graph.operators:
        if not isinstance(operator.options, DetectionOptions) or operator.outputs[3] not in held:
            continue
        counts = held[operator.outputs[3]].ravel().astype(int)
        for index in operator.outputs[:3]:
            for vector, count in zip(held.get(index, ()), counts, strict=False):
                vector[:, count:] = 0
