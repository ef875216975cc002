"""Removes operators that only compute shapes.

If the batch is not fixed, a converter emits SHAPE, STRIDED_SLICE, PACK and arithmetic, and passes
the result to RESHAPE as the wanted shape. The file also states every tensor's shape for a batch
of 1. TFLM uses that and never reads the computed shape, and neither does this engine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.model.graph import Graph, Operator

# Operators with a shape as an input; the output tensor has the same shape.
_SHAPE_INPUTS = {"RESHAPE": 1, "TRANSPOSE_CONV": 0}


def without_shape_arithmetic(graph: Graph) -> Graph:
    """Return `graph` without inputs that are shapes, and without operators that nothing needs.

    Operators keep their index, which messages use. What reads or writes a variable stays: the
    next inference may need it. So does what runs a subgraph, which may do that.
    """
    variables = {tensor.index for tensor in graph.variables}
    return replace(
        graph,
        operators=_needed(graph.operators, graph.outputs, variables),
        subgraphs=tuple(
            replace(part, operators=_needed(part.operators, part.outputs, variables))
            for part in graph.subgraphs
        ),
    )


def _needed(
    operators: Sequence[Operator], outputs: Iterable[int], variables: set[int]
) -> tuple[Operator, ...]:
    needed = set(outputs)
    kept: list[Operator] = []
    for operator in reversed(operators):
        touched = {*operator.inputs, *operator.outputs}
        stays = operator.calls or not variables.isdisjoint(touched)
        if needed.isdisjoint(operator.outputs) and not stays:
            continue
        position = _SHAPE_INPUTS.get(operator.kind)
        inputs = tuple(-1 if i == position else index for i, index in enumerate(operator.inputs))
        needed.update(inputs)
        kept.append(replace(operator, inputs=inputs))
    return tuple(reversed(kept))
