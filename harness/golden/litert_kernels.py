"""Runs a `.tflite` file on LiteRT's reference kernels, the package `ai-edge-litert`.

Each operator runs as a model of its own, on TFLM's values. Where LiteRT's reference kernel would
give other bytes than TFLM's, `tflm_arithmetic` computes the operator instead.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from harness.golden.one_operator import SingleOperators
from harness.golden.tflm_arithmetic import FAMILIES, Values
from harness.model.graph import Graph, Operator
from harness.model.tflite_file import parse

Array = np.ndarray[Any, Any]
_Run = Callable[[Values], list[Array]]


def load() -> None:
    """Load the package. Raises `ImportError` or `OSError` if this machine cannot do that."""
    import_module("ai_edge_litert.interpreter")


def compute(
    model: bytes,
    inputs: Sequence[Array],
    tensors: Sequence[int],
    starts: Sequence[bool] = (),  # noqa: ARG001 - no model with a state gets here
) -> list[Array]:
    """Return the values of `tensors`, or if it is empty the outputs, each as [N, *shape].

    The model must have no state, and no operator that is `unproven`. Raises `RuntimeError` or
    `ValueError` if LiteRT rejects an operator.
    """
    graph = parse(model, where="the model")
    single = SingleOperators(model, graph)
    runs = [(operator, _run_of(graph, operator, single)) for operator in graph.operators]
    constants = {each.index: each.data for each in graph.tensors if each.data is not None}
    results: list[list[Array]] = [[] for _ in tensors or graph.outputs]
    for vector in zip(*inputs, strict=True):
        values = constants | dict(zip(graph.inputs, vector, strict=True))
        for operator, run in runs:
            values.update(zip(operator.outputs, run(values), strict=True))
        for index, result in zip(tensors or graph.outputs, results, strict=True):
            result.append(values[index])
    return [np.stack(values) for values in results]


def _run_of(graph: Graph, operator: Operator, single: SingleOperators) -> _Run:
    """Return the function that computes the outputs of `operator` from the values before it."""
    family = FAMILIES.get(operator.kind)
    if family is not None:
        if family.checked_by_litert:
            _litert_run(graph, operator, single)
        compute_output = partial(family.compute, graph, operator)
        return lambda values: [compute_output(values)]
    return _litert_run(graph, operator, single)


def _litert_run(graph: Graph, operator: Operator, single: SingleOperators) -> _Run:
    # Imported late: the import takes time, and most commands do not need golden outputs.
    from ai_edge_litert.interpreter import Interpreter, OpResolverType  # noqa: PLC0415

    model, sources = single.model_of(operator)
    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,  # without delegates
    )
    interpreter.allocate_tensors()
    inputs = [each["index"] for each in interpreter.get_input_details()]
    outputs = [each["index"] for each in interpreter.get_output_details()]
    shapes = [graph.tensors[index].shape for index in operator.outputs]

    def run(values: Values) -> list[Array]:
        for position, source in zip(inputs, sources, strict=True):
            shape = graph.tensors[source].shape
            interpreter.set_tensor(position, np.ascontiguousarray(values[source]).reshape(shape))
        interpreter.invoke()
        return [
            interpreter.get_tensor(position).reshape(shape)
            for position, shape in zip(outputs, shapes, strict=True)
        ]

    return run
