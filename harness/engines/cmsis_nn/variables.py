"""Resource variables: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE.

`harness.model.resource_variables` has put the variables in place of their handles.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    bytes_array,
    quantization,
    shape,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Graph, Operator, Tensor


def var_handle(view: OperatorView) -> Layer:
    """Lower VAR_HANDLE, which computes nothing."""
    return Layer(view.operator)


def read_variable(view: OperatorView) -> Layer:
    """Lower READ_VARIABLE: the output has the variable's bytes, or a copy of them."""
    variable = view.tensor(0)
    notes = (f"{shape(variable)}, {quantization(variable)}",)
    return Layer(view.operator, notes=notes, alias=variable.index)


def assign_variable(view: OperatorView) -> Layer:
    """Lower ASSIGN_VARIABLE, a copy."""
    value = view.tensor(0)
    variable = view.graph.tensors[view.operator.outputs[0]]
    target, size = view.address(variable), str(value.nbytes)
    notes = (f"{shape(variable)}, {quantization(variable)}",)
    arrays: tuple[Array, ...] = ()
    if value.data is None:
        call = Call("memcpy", (target, view.address(value), size))
    elif len(set(value.data.tobytes())) == 1:
        call = Call("memset", (target, str(value.data.tobytes()[0]), size))
    else:
        arrays = (bytes_array(view.names.of("value"), value),)
        call = Call("memcpy", (target, arrays[0].name, size))
    return Layer(view.operator, notes=notes, arrays=arrays, call=call, status=False)


def resources(graph: Graph) -> set[int]:
    """Return the resource variables: only ASSIGN_VARIABLE changes them."""
    reads = (each.inputs for each in graph.all_operators if each.kind == "READ_VARIABLE")
    return {index for inputs in reads for index in inputs}


def may_share(graph: Graph, operator: Operator, variable: int) -> bool:
    """Tell whether the output of `operator` can have the bytes of `variable` instead of a copy.

    It can if nothing writes the variable before the output's last use. To be simple, that is
    decided in the network itself, not in its subgraphs.
    """
    (output,) = operator.outputs
    if operator not in graph.operators or output in graph.outputs:
        return False
    later = graph.operators[graph.operators.index(operator) + 1 :]
    return _last_use(later, output) < _first_write(later, variable)


def assigned_directly(graph: Graph) -> Graph:
    """Return `graph` with values that are computed in their variable, without ASSIGN_VARIABLE.

    That is done where nothing needs the variable's value of before any more, and the variable keeps
    the value until its last use.
    """
    operators = list(graph.operators)
    for index in [each.index for each in graph.operators if each.kind == "ASSIGN_VARIABLE"]:
        assign = next(each for each in operators if each.index == index)
        if _is_direct(graph, operators, assign):
            (value,), (variable,) = assign.inputs, assign.outputs
            operators = [
                replace(
                    each,
                    inputs=_replaced(each.inputs, value, variable),
                    outputs=_replaced(each.outputs, value, variable),
                )
                for each in operators
                if each.index != index
            ]
    return replace(graph, operators=tuple(operators))


def _replaced(indices: Sequence[int], old: int, new: int) -> tuple[int, ...]:
    return tuple(new if index == old else index for index in indices)


def _is_direct(graph: Graph, operators: Sequence[Operator], assign: Operator) -> bool:
    """Tell whether the value of `assign` can be computed in its variable."""
    (value,), (variable,) = assign.inputs, assign.outputs
    makers = [i for i, each in enumerate(operators) if value in each.outputs]
    if len(makers) != 1 or value in graph.outputs:
        return False
    if not _alike(graph.tensors[value], graph.tensors[variable]):
        return False
    maker, place = makers[0], operators.index(assign)
    between = [*operators[maker:place]]
    if any(each.calls or variable in (*each.inputs, *each.outputs) for each in between):
        return False
    before = [each.outputs[0] for each in operators[:maker] if variable in each.inputs]
    if any(_last_use(operators, index) >= maker or index in graph.outputs for index in before):
        return False
    later = operators[place + 1 :]
    return _last_use(later, value) < _first_write(later, variable)


def _first_write(operators: Sequence[Operator], variable: int) -> int:
    """Return the position of the first operator that may write `variable`; the end, if none may."""
    places = (i for i, each in enumerate(operators) if variable in each.outputs or each.calls)
    return next(places, len(operators))


def _last_use(operators: Sequence[Operator], tensor: int) -> int:
    return max((i for i, each in enumerate(operators) if tensor in each.inputs), default=-1)


def _alike(value: Tensor, variable: Tensor) -> bool:
    """Tell whether what computes `value` would compute the same for `variable`."""
    return (value.shape, value.dtype) == (variable.shape, variable.dtype) and all(
        np.array_equal(one, other) if one is not None and other is not None else one is other
        for one, other in (
            (value.scale, variable.scale),
            (value.zero_point, variable.zero_point),
        )
    )
