"""The layers of a network that multiply in float32: they run, but int8 is better on a Cortex-M."""

import numpy as np

from harness.model.graph import Graph

_WITH_WEIGHTS = frozenset(
    {
        "BATCH_MATMUL",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "FULLY_CONNECTED",
        "SVDF",
        "TRANSPOSE_CONV",
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
    }
)


def float_note(graph: Graph) -> str:
    """Return one line on what `graph` computes with float32; empty if it multiplies integers."""
    layers = [each for each in graph.all_operators if each.kind in _WITH_WEIGHTS]
    floats = [each for each in layers if graph.tensors[each.outputs[0]].dtype == np.float32]
    if not floats:
        return ""
    part = "" if len(floats) == len(layers) else f" in {len(floats)} of {len(layers)} layers"
    return (
        f"it computes with float32{part}; full-integer int8 would be smaller and faster: "
        "docs/models.md"
    )
