"""What holds for the subgraphs of a network: the order of operators, and who runs whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.errors import InputError
from harness.model.graph import Graph, Operator, Subgraph, Tensor
from harness.support.plural import count_of

Fail = Callable[[str], InputError]
"""Makes the error that names the file."""


def check_order(part: Subgraph, tensors: Sequence[Tensor], fail: Fail) -> None:
    """Check that each tensor is in range and computed, once, before it is used."""
    constants = {tensor.index for tensor in tensors if tensor.data is not None}
    variables = {tensor.index for tensor in tensors if tensor.variable}
    total = len(tensors)
    for index in (*part.inputs, *part.outputs):
        if not 0 <= index < total:
            raise fail(f"the graph refers to tensor {index} of {total}")
    for index in part.inputs:
        if index in constants:
            raise fail(f"the graph's input, tensor {index}, is a constant")
        if part.inputs.count(index) > 1:
            raise fail(f"tensor {index} is an input of the graph more than once")
    written = {*constants, *part.inputs}
    for operator in part.operators:
        _check_operator(operator, written, variables, total, fail)
    for index in part.outputs:
        if index not in written | variables:
            raise fail(f"nothing computes the graph's output, tensor {index}")


def _check_operator(
    operator: Operator, written: set[int], variables: set[int], total: int, fail: Fail
) -> None:
    who = f"operator {operator.index} ({operator.kind})"
    for index in operator.inputs:
        if not -1 <= index < total:
            raise fail(f"{who} reads tensor {index} of {total}")
        if index != -1 and index not in written and index not in variables:
            raise fail(f"{who} reads tensor {index} before it is written")
    for index in operator.outputs:
        if not 0 <= index < total:
            raise fail(f"{who} writes tensor {index} of {total}")
        if index in written - variables:
            raise fail(f"{who} writes tensor {index}, which already has a value")
        written.add(index)


def in_call_order(parts: Mapping[int, Subgraph], most: int, fail: Fail) -> list[Subgraph]:
    """Return `parts`, each after those that it runs; the first subgraph of the file is the last.

    An inference may pass at most `most` operators. Those of a subgraph count for each operator
    that runs it.
    """
    sizes: dict[int, int] = {}  # operators, with those of what it runs
    _size_of(0, parts, sizes, [], fail)
    if sizes[0] > most:
        raise fail(f"runs {sizes[0]:,} operators in its subgraphs; at most {most:,} are supported")
    return [parts[number] for number in sizes]


def _size_of(
    number: int, parts: Mapping[int, Subgraph], sizes: dict[int, int], path: list[int], fail: Fail
) -> int:
    if number in path:
        raise fail(f"subgraph {number} runs itself")
    if number not in sizes:
        inner = [each for operator in parts[number].operators for each in operator.calls]
        size = len(parts[number].operators)
        size += sum(_size_of(each, parts, sizes, [*path, number], fail) for each in inner)
        sizes[number] = size
    return sizes[number]


def check_calls(graph: Graph, fail: Fail) -> None:
    """Check that operators have as many inputs and outputs as the subgraphs that they run."""
    for operator in graph.all_operators:
        for position, number in enumerate(operator.calls):
            part = graph.subgraph(number)
            who = f"operator {operator.index} ({operator.kind})"
            if -1 in operator.inputs or (operator.kind == "IF" and not operator.inputs):
                raise fail(f"{who} lacks an input")
            if operator.kind == "CALL_ONCE" and (operator.inputs or operator.outputs):
                raise fail(f"{who} has inputs or outputs")
            if operator.kind == "WHILE" and len(operator.inputs) != len(operator.outputs):
                raise fail(
                    f"{who} has {count_of(len(operator.inputs), 'input')} but "
                    f"{count_of(len(operator.outputs), 'output')}"
                )
            given = len(operator.inputs) - (operator.kind == "IF")
            taken = len(operator.outputs)
            if operator.kind == "WHILE" and position == 0:
                taken = 1  # of the condition
            if (len(part.inputs), len(part.outputs)) != (given, taken):
                raise fail(
                    f"{who} needs {count_of(given, 'input')} and {count_of(taken, 'output')} of "
                    f"subgraph {number}, which has {len(part.inputs)} and {len(part.outputs)}"
                )


def renumbered(part: Subgraph, tensors: int, operators: int) -> Subgraph:
    """Return `part` after that many `tensors` and `operators` of the parts before."""

    def shifted(indices: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(tensors + index if index >= 0 else index for index in indices)

    moved = tuple(
        replace(
            each,
            index=operators + each.index,
            inputs=shifted(each.inputs),
            outputs=shifted(each.outputs),
        )
        for each in part.operators
    )
    return Subgraph(part.number, moved, shifted(part.inputs), shifted(part.outputs))
