"""Takes out of a graph what only computes shapes.

For a batch that is not fixed, a converter emits SHAPE, STRIDED_SLICE, PACK and arithmetic, and
feeds the result to RESHAPE as the wanted shape. A file also holds every tensor's shape for a
batch of 1; TFLM uses that and never reads the computed one. So do we, and nothing has to be
computed.
"""

from dataclasses import replace

from harness.model.graph import Graph, Operator

# Operators with an input that says a shape, which the output tensor has anyhow.
_SHAPE_INPUTS = {"RESHAPE": 1, "TRANSPOSE_CONV": 0}


def without_shape_arithmetic(graph: Graph) -> Graph:
    """Return `graph` without the shapes that are inputs, and without what no output needs.

    Operators keep their index, which names them in messages.
    """
    needed = set(graph.outputs)
    kept: list[Operator] = []
    for operator in reversed(graph.operators):
        if needed.isdisjoint(operator.outputs):
            continue
        position = _SHAPE_INPUTS.get(operator.kind)
        inputs = tuple(-1 if i == position else index for i, index in enumerate(operator.inputs))
        needed.update(inputs)
        kept.append(replace(operator, inputs=inputs))
    return replace(graph, operators=tuple(reversed(kept)))
