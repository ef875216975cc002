"""Resource variables: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE.

`harness.model.resource_variables` has put the variables in place of their handles.
"""

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    bytes_array,
    quantization,
    shape,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Graph, Operator


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


def may_share_variable(graph: Graph, operator: Operator) -> bool:
    """Tell whether the output of READ_VARIABLE can have the variable's bytes instead of a copy.

    It can if nothing writes the variable before the output's last use. To be simple, that is
    decided in the network itself, not in its subgraphs.
    """
    if operator.kind != "READ_VARIABLE" or operator not in graph.operators:
        return False
    (variable,), (output,) = operator.inputs, operator.outputs
    later = graph.operators[graph.operators.index(operator) + 1 :]
    writers = [i for i, each in enumerate(later) if variable in each.outputs or each.calls]
    uses = [i for i, each in enumerate(later) if output in each.inputs]
    if output in graph.outputs:
        return False
    return max(uses, default=-1) < min(writers, default=len(later))
