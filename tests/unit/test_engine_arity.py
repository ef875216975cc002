"""An operator with too few or too many inputs or outputs is refused, whatever its kind."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from harness.engines.cmsis_nn.core_features import CoreFeatures, Extension
from harness.engines.cmsis_nn.layer import Layer
from harness.engines.cmsis_nn.lifetimes import buffer_names
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.operators import (
    FLOAT_LOWERINGS,
    INT16_LOWERINGS,
    LOWERINGS,
    find_lowering,
)
from harness.engines.refusal import LayerRefusedError
from harness.model.graph import Graph, Operator
from harness.model.tflite_file import parse
from tests.support import (
    operators,
    operators_custom,
    operators_float32,
    operators_int16,
    operators_recurrent,
)
from tests.support.graphs import Builder, from_rng

# What is wrong with these is an error of the file, before any lowering.
CHECKED_WITH_THE_FILE = frozenset(
    {"ASSIGN_VARIABLE", "CALL_ONCE", "IF", "READ_VARIABLE", "VAR_HANDLE", "WHILE"}
)
# More than any operator takes, except for those of any number.
MANY = 30
Lowering = Callable[[OperatorView], Layer]
Known = dict[Lowering, tuple[Graph, Operator]]
Ends = tuple[tuple[int, ...], tuple[int, ...]]  # inputs and outputs


def models() -> Iterator[bytes]:
    """Return models that have each operator, and each that has a lowering for int16 or float32."""
    yield operators.every_operator()
    yield operators_int16.every_operator()
    yield operators_float32.every_operator()
    for family in (operators, operators_custom, operators_recurrent):
        for kind in family.MAKERS:
            yield family.build(kind, from_rng(np.random.default_rng(0)))
    b = Builder()
    source, result = b.activation((1, 4), 0.1, 0), b.activation((1, 4), 0.1, 0)
    b.operator("GELU", [source], [result], "GeluOptions")
    yield b.build([source], [result])


@pytest.fixture(scope="module")
def known() -> Known:
    """Return an operator for each lowering."""
    operators_of: Known = {}
    for model in models():
        graph = parse(model, where="test.tflite")
        for operator in graph.all_operators:
            operators_of.setdefault(find_lowering(graph, operator), (graph, operator))
    return operators_of


def lower(lowering: Lowering, graph: Graph, operator: Operator, ends: Ends) -> None:
    """Lower `operator` with other inputs and outputs."""
    addresses = {index: f"arena + {name}" for index, name in buffer_names(graph).items()}
    changed = replace(operator, inputs=ends[0], outputs=ends[1])
    lowering(OperatorView(graph, changed, addresses, CoreFeatures(Extension.NONE)))


def test_there_is_an_operator_for_each_lowering(known: Known) -> None:
    every = [*LOWERINGS.items(), *INT16_LOWERINGS.items(), *FLOAT_LOWERINGS.items()]
    left_out = {kind for kind, each in every if each not in known}
    assert left_out <= CHECKED_WITH_THE_FILE


def test_an_operator_without_inputs_or_outputs_is_refused(known: Known) -> None:
    for lowering, (graph, operator) in known.items():
        if operator.kind not in CHECKED_WITH_THE_FILE:
            for ends in (((), operator.outputs), (operator.inputs, ()), ((), ())):
                with pytest.raises(LayerRefusedError):
                    lower(lowering, graph, operator, ends)


def test_more_inputs_or_outputs_cause_no_other_error(known: Known) -> None:
    for lowering, (graph, operator) in known.items():
        if operator.kind not in CHECKED_WITH_THE_FILE:
            inputs, outputs = operator.inputs, operator.outputs
            for ends in (
                ((*inputs, inputs[0]), outputs),
                (inputs[:1] * MANY, outputs),
                ((-1,) * len(inputs), outputs),
                (inputs, outputs * 2),
            ):
                with suppress(LayerRefusedError):
                    lower(lowering, graph, operator, ends)
