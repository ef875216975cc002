"""Resource variables: each becomes a tensor that keeps its value between inferences.

In a file, VAR_HANDLE makes a handle of a variable, READ_VARIABLE and ASSIGN_VARIABLE take it, and
subgraphs may get it as an input. Which variable a handle means is known before the network runs.
So here READ_VARIABLE gets the variable as its input, ASSIGN_VARIABLE as its output, and all handles
are removed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.model.graph import RESOURCE, Graph, Operator, Subgraph, Tensor
from harness.model.operator_options import VarHandleOptions
from harness.model.subgraph_rules import Fail

_Name = tuple[str, str]  # container and shared name


def without_handles(graph: Graph, fail: Fail) -> Graph:
    """Return `graph` with tensors in place of resource variables; without any, itself."""
    if not any(tensor.dtype == RESOURCE for tensor in graph.tensors):
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
                # A WHILE's condition outputs a boolean, never a handle.
                self.bind(part.outputs, operator.outputs)
            if operator.kind == "WHILE":
                self.bind(arguments, operator.outputs)

    def bind(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        for source, target in zip(sources, targets, strict=False):
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
            handle, value = self.operands(operator, 2, 0)
            name = self.names.get(handle)
            if name is None or handle not in own or name in self.variables:
                continue
            tensor = self.graph.tensors[value]
            initial = 0 if tensor.zero_point is None else int(tensor.zero_point[0]) & 0xFF
            index = len(self.graph.tensors) + len(self.variables)
            self.variables[name] = replace(
                tensor, index=index, name=name[1], data=None, initial=initial
            )

    def operands(self, operator: Operator, inputs: int, outputs: int) -> tuple[int, ...]:
        if (len(operator.inputs), len(operator.outputs)) != (inputs, outputs) or (
            -1 in operator.inputs
        ):
            raise self.fail(
                f"operator {operator.index} ({operator.kind}) has {len(operator.inputs)} inputs "
                f"and {len(operator.outputs)} outputs"
            )
        return (*operator.inputs, *operator.outputs)

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
            handle, value = self.operands(operator, 1, 1)
            variable = self.variable(operator, handle, self.graph.tensors[value])
            return replace(operator, inputs=(variable.index,))
        if operator.kind == "ASSIGN_VARIABLE":
            handle, value = self.operands(operator, 2, 0)
            variable = self.variable(operator, handle, self.graph.tensors[value])
            return replace(operator, inputs=(value,), outputs=(variable.index,))
        return replace(
            operator, inputs=self.values(operator.inputs), outputs=self.values(operator.outputs)
        )

    def values(self, indices: Sequence[int]) -> tuple[int, ...]:
        """Return `indices` without those of handles."""
        return tuple(self.real(indices))

    def real(self, indices: Sequence[int]) -> Iterator[int]:
        for index in indices:
            if index < 0 or self.graph.tensors[index].dtype != RESOURCE:
                yield index
