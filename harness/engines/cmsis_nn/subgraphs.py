"""CALL_ONCE, IF and WHILE: a subgraph is a function in C, and its inputs and outputs are copied."""

from collections.abc import Sequence
from dataclasses import replace

from harness.engines.cmsis_nn.layer import Array, Layer, bytes_array, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Graph, Subgraph, Tensor


def without_idle_calls(graph: Graph) -> Graph:
    """Return `graph` without CALL_ONCE, and what only that runs, if there is no state to set."""
    if graph.variables or not any(each.kind == "CALL_ONCE" for each in graph.all_operators):
        return graph
    parts = [
        replace(part, operators=tuple(each for each in part.operators if each.kind != "CALL_ONCE"))
        for part in graph.subgraphs
    ]
    operators = tuple(each for each in graph.operators if each.kind != "CALL_ONCE")
    called = {number for operator in operators for number in operator.calls}
    for part in reversed(parts):  # a subgraph after those that run it
        if part.number in called:
            called |= {number for operator in part.operators for number in operator.calls}
    subgraphs = tuple(part for part in parts if part.number in called)
    return replace(graph, operators=operators, subgraphs=subgraphs)


def call_once(view: OperatorView) -> Layer:
    """Lower CALL_ONCE: nn_reset() runs its subgraph, which sets variables.

    TFLM runs it in the first inference. That is the same if nothing before it needs a variable.
    """
    operator, graph = view.operator, view.graph
    variables = {tensor.index for tensor in graph.variables}
    if operator not in graph.operators:
        view.fail("is in a subgraph", "initialize variables in the network itself")
    for earlier in graph.operators[: graph.operators.index(operator)]:
        touched = {*earlier.inputs, *earlier.outputs}
        if earlier.kind != "CALL_ONCE" and (earlier.calls or not variables.isdisjoint(touched)):
            view.fail(
                f"comes after layer {earlier.index} ({earlier.kind}), which may use a variable",
                "initialize variables before they are used",
            )
    return Layer(operator, notes=(f"nn_reset() runs subgraph {operator.calls[0]}",))


def if_(view: OperatorView) -> Layer:
    """Lower IF: copies of the inputs go into a branch, and its outputs are copied out."""
    values = _Values(view)
    condition = view.tensor(0)
    if condition.dtype != bool or condition.elements != 1:
        view.fail(f"the condition has type {condition.dtype} and shape {shape(condition)}")
    _, *inputs = (view.graph.tensors[index] for index in view.operator.inputs)
    then, otherwise = map(view.graph.subgraph, view.operator.calls)
    lines = [f"if (*(const int8_t *)({values.of(condition)}) != 0) {{"]
    lines += indented(_branch(values, inputs, then))
    lines += ["} else {"]
    lines += indented(_branch(values, inputs, otherwise))
    lines += ["}", "return 0;"]
    notes = (f"subgraph {then.number}, or else subgraph {otherwise.number}",)
    return Layer(view.operator, notes=notes, body=tuple(lines), arrays=values.constants)


def while_(view: OperatorView) -> Layer:
    """Lower WHILE: the outputs hold what the loop keeps from one pass to the next."""
    values = _Values(view)
    tensors = view.graph.tensors
    inputs = [tensors[index] for index in view.operator.inputs]
    outputs = [tensors[index] for index in view.operator.outputs]
    condition, body = map(view.graph.subgraph, view.operator.calls)
    result = tensors[condition.outputs[0]]
    if result.dtype != bool or result.elements != 1:
        view.fail(f"the condition has type {result.dtype} and shape {shape(result)}")
    passed = [
        *values.copies(outputs, values.tensors(condition.inputs)),
        *_run(condition),
        f"if (*(const int8_t *)({values.of(result)}) == 0) {{",
        *indented(["return 0;"]),
        "}",
        *values.copies(outputs, values.tensors(body.inputs)),
        *_run(body),
        *values.copies(values.tensors(body.outputs), outputs),
    ]
    lines = [*values.copies(inputs, outputs), "for (;;) {", *indented(passed), "}"]
    notes = (f"while subgraph {condition.number}: subgraph {body.number}",)
    return Layer(view.operator, notes=notes, body=tuple(lines), arrays=values.constants)


def _branch(values: "_Values", inputs: Sequence[Tensor], part: Subgraph) -> list[str]:
    outputs = values.tensors(values.view.operator.outputs)
    return [
        *values.copies(inputs, values.tensors(part.inputs)),
        *_run(part),
        *values.copies(values.tensors(part.outputs), outputs),
    ]


def _run(part: Subgraph) -> list[str]:
    return [f"if (subgraph_{part.number}() != 0) {{", *indented(["return 1;"]), "}"]


def indented(lines: Sequence[str]) -> list[str]:
    """Return `lines` of C one level deeper."""
    return [f"    {line}" for line in lines]


class _Values:
    """The tensors that go into subgraphs and come out of them; some are constants."""

    def __init__(self, view: OperatorView) -> None:
        self.view = view
        self._constants: dict[int, Array] = {}

    @property
    def constants(self) -> tuple[Array, ...]:
        return tuple(self._constants.values())

    def tensors(self, indices: Sequence[int]) -> list[Tensor]:
        return [self.view.graph.tensors[index] for index in indices]

    def of(self, tensor: Tensor) -> str:
        """Return the C expression for the address of `tensor`."""
        if tensor.data is None:
            return self.view.address(tensor)
        name = self.view.names.of(f"value_{tensor.index}")
        self._constants.setdefault(tensor.index, bytes_array(name, tensor))
        return name

    def copies(self, sources: Sequence[Tensor], targets: Sequence[Tensor]) -> list[str]:
        """Return the lines that copy `sources` to `targets`, which have the same sizes."""
        lines = []
        for source, target in zip(sources, targets, strict=True):
            if (source.dtype, source.nbytes) != (target.dtype, target.nbytes):
                self.view.fail(
                    f"{source.name[:80]!r} is {shape(source)} {source.dtype}, but "
                    f"{target.name[:80]!r} of a subgraph {shape(target)} {target.dtype}",
                    CONVERT_AGAIN,
                )
            lines.append(f"memcpy({self.of(target)}, {self.of(source)}, {source.nbytes});")
        return lines
