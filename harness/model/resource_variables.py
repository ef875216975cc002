"""Resource variables: each becomes a tensor that keeps its value between inferences.

In a file, VAR_HANDLE makes a handle of a variable, READ_VARIABLE and ASSIGN_VARIABLE take it, and
subgraphs may get it as an input. Which variable a handle means is known before the network runs.
So here READ_VARIABLE gets the variable as its input, ASSIGN_VARIABLE as its output, and all handles
are removed.
"""

from collections.abc import Sequence
from dataclasses import replace

from harness.model.graph import RESOURCE, Graph, Operator, Subgraph, Tensor
from harness.model.operator_options import VarHandleOptions
from harness.model.subgraph_rules import Fail
from harness.support.plural import count_of

# The operators of variables, with the handles among their inputs and outputs, and the values.
_ENDS = {
    "VAR_HANDLE": ((), (True,)),
    "READ_VARIABLE": ((True,), (False,)),
    "ASSIGN_VARIABLE": ((True, False), ()),
}
_Name = tuple[str, str]  # container and shared name


def without_handles(graph: Graph, fail: Fail) -> Graph:
    """Return `graph` with tensors in place of resource variables; without any, itself."""
    kinds = {operator.kind for operator in graph.all_operators}
    if not kinds & _ENDS.keys() and not any(each.dtype == RESOURCE for each in graph.tensors):
        return graph
    return _Resolver(graph, fail).resolved()


class _Resolver:
    """Finds the variable that each handle means."""

    def __init__(self, graph: Graph, fail: Fail) -> None:
        self.graph = graph
        self.fail = fail
        self.names: dict[int, _Name] = {}  # of the handles, by tensor
        self.variables: dict[_Name, Tensor] = {}

    def resolved(self) -> Graph:
        graph = self.graph
        main = Subgraph(0, graph.operators, graph.inputs, graph.outputs)
        for index in (*graph.inputs, *graph.outputs):
            if self.is_handle(index):
                raise self.fail(
                    f"tensor {index} is a handle of a variable, but an input or output of the graph"
                )
        for operator in graph.all_operators:
            self.check(operator)
        self.follow(main.operators)
        for part in sorted((main, *graph.subgraphs), key=lambda part: part.number):
            self.define(part)
        return replace(
            graph,
            tensors=(*graph.tensors, *self.variables.values()),
            operators=self.rewritten(graph.operators),
            inputs=self.values(graph.inputs),
            outputs=self.values(graph.outputs),
            subgraphs=tuple(
                Subgraph(
                    part.number,
                    self.rewritten(part.operators),
                    self.values(part.inputs),
                    self.values(part.outputs),
                )
                for part in graph.subgraphs
            ),
        )

    def check(self, operator: Operator) -> None:
        """Check that handles are exactly where `operator` has handles."""
        who = f"operator {operator.index} ({operator.kind})"
        inputs, outputs = (
            tuple(map(self.is_handle, ends)) for ends in (operator.inputs, operator.outputs)
        )
        expected = _ENDS.get(operator.kind)
        if expected is None:
            # Which inputs and outputs of these are handles depends on the subgraph.
            branches = operator.kind == "IF" and not any(inputs[:1])
            if any((*inputs, *outputs)) and not branches and operator.kind != "WHILE":
                raise self.fail(f"{who} takes or makes a handle of a variable")
            return
        if (len(inputs), len(outputs)) != tuple(map(len, expected)) or -1 in operator.inputs:
            raise self.fail(
                f"{who} has {count_of(len(inputs), 'input')} and {count_of(len(outputs), 'output')}"
            )
        for index, handle, needed in zip(
            (*operator.inputs, *operator.outputs),
            (*inputs, *outputs),
            (*expected[0], *expected[1]),
            strict=True,
        ):
            if handle != needed:
                should = "is not a handle" if needed else "is a handle and not a value"
                raise self.fail(f"{who}: tensor {index} {should}")

    def is_handle(self, index: int) -> bool:
        return index >= 0 and bool(self.graph.tensors[index].dtype == RESOURCE)

    def follow(self, operators: Sequence[Operator]) -> None:
        """Follow handles from VAR_HANDLE into subgraphs and out of them."""
        for operator in operators:
            if isinstance(operator.options, VarHandleOptions):
                options = operator.options
                for index in operator.outputs:
                    self.names[index] = (options.container, options.shared_name)
            arguments = operator.inputs[1:] if operator.kind == "IF" else operator.inputs
            for number in operator.calls:
                part = self.graph.subgraph(number)
                self.bind(arguments, part.inputs)
                self.follow(part.operators)
                if operator.kind == "WHILE" and number == operator.calls[0]:
                    self.check_condition(part)
                else:
                    self.bind(part.outputs, operator.outputs)
            if operator.kind == "WHILE":
                self.bind(arguments, operator.outputs)

    def check_condition(self, part: Subgraph) -> None:
        if any(map(self.is_handle, part.outputs)):
            raise self.fail(f"subgraph {part.number}, a condition, returns a handle of a variable")

    def bind(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        for source, target in zip(sources, targets, strict=True):
            if self.is_handle(source) != self.is_handle(target):
                raise self.fail(
                    f"tensors {source} and {target} have the same value, but only one is a handle"
                )
            name = self.names.get(source)
            if name is not None and self.names.setdefault(target, name) != name:
                raise self.fail(
                    f"tensor {target} is a handle of two variables, "
                    f"{self.names[target][1][:80]!r} and {name[1][:80]!r}"
                )

    def define(self, part: Subgraph) -> None:
        """Add the variables that `part` makes.

        As in TFLM, ASSIGN_VARIABLE makes one if the handle is made in the same subgraph.
        """
        makers = [each for each in part.operators if each.kind == "VAR_HANDLE"]
        own = {index for each in makers for index in each.outputs}
        for operator in part.operators:
            if operator.kind != "ASSIGN_VARIABLE":
                continue
            handle, value = operator.inputs
            name = self.names.get(handle)
            if name is None or handle not in own or name in self.variables:
                continue
            tensor = self.graph.tensors[value]
            initial = 0 if tensor.zero_point is None else int(tensor.zero_point[0]) & 0xFF
            index = len(self.graph.tensors) + len(self.variables)
            self.variables[name] = replace(
                tensor, index=index, name=name[1], data=None, initial=initial
            )

    def variable(self, operator: Operator, handle: int, value: Tensor) -> Tensor:
        """Return the variable of `handle`, which `operator` reads into or assigns from `value`."""
        who = f"operator {operator.index} ({operator.kind})"
        name = self.names.get(handle)
        if name is None:
            raise self.fail(f"{who} takes tensor {handle} for a handle, but no VAR_HANDLE made it")
        variable = self.variables.get(name)
        if variable is None:
            raise self.fail(f"{who} uses the variable {name[1][:80]!r}, which nothing assigns")
        if (variable.dtype, variable.nbytes) != (value.dtype, value.nbytes):
            raise self.fail(
                f"{who} uses the variable {name[1][:80]!r} of {variable.nbytes:,} bytes "
                f"({variable.dtype}) for {value.nbytes:,} bytes ({value.dtype})"
            )
        return variable

    def rewritten(self, operators: Sequence[Operator]) -> tuple[Operator, ...]:
        return tuple(map(self.rewrite, operators))

    def rewrite(self, operator: Operator) -> Operator:
        if operator.kind == "READ_VARIABLE":
            (handle,), (value,) = operator.inputs, operator.outputs
            variable = self.variable(operator, handle, self.graph.tensors[value])
            return replace(operator, inputs=(variable.index,))
        if operator.kind == "ASSIGN_VARIABLE":
            handle, value = operator.inputs
            variable = self.variable(operator, handle, self.graph.tensors[value])
            return replace(operator, inputs=(value,), outputs=(variable.index,))
        return replace(
            operator, inputs=self.values(operator.inputs), outputs=self.values(operator.outputs)
        )

    def values(self, indices: Sequence[int]) -> tuple[int, ...]:
        """Return `indices` without those of handles."""
        return tuple(index for index in indices if not self.is_handle(index))
