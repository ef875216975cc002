"""The order in which a network's operators run, through its subgraphs."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from harness.model.graph import Graph, Operator

Step = int | Fraction
"""When something happens: an operator of the network at its index, what it runs just before."""


@dataclass(frozen=True)
class Event:
    """The tensors that are needed at once: some are read, then others written.

    `operator` is what computes the written from the read ones; None for a copy into a subgraph or
    out of it.
    """

    step: Step
    reads: tuple[int, ...]
    writes: tuple[int, ...]
    operator: Operator | None = None


def events(graph: Graph) -> Iterator[Event]:
    """Yield what happens in one inference, in the order of the steps.

    A loop counts as one pass. The outputs of WHILE hold the values between two passes, so they are
    needed during the whole loop. The branches of IF come one after the other. CALL_ONCE runs before
    an inference, and the inputs may be there already.
    """
    for operator in graph.operators:
        inner = list(_inner(graph, operator))
        start = -1 if operator.kind == "CALL_ONCE" else operator.index - 1
        for position, event in enumerate(inner, 1):
            step = start + Fraction(position, len(inner) + 1)
            yield Event(step, event.reads, event.writes, event.operator)
        reads = operator.outputs if operator.kind == "WHILE" else operator.inputs
        yield Event(operator.index, reads, operator.outputs, operator)


def _inner(graph: Graph, operator: Operator) -> Iterator[Event]:
    """Yield what `operator` does by running subgraphs; the steps do not matter."""
    inputs, outputs = operator.inputs, operator.outputs
    if operator.kind == "CALL_ONCE":
        yield from _run(graph, operator.calls[0])
    elif operator.kind == "IF":
        for number in operator.calls:
            part = graph.subgraph(number)
            yield Event(0, inputs, part.inputs)
            yield from _run(graph, number)
            yield Event(0, part.outputs, outputs)
    elif operator.kind == "WHILE":
        condition, body = map(graph.subgraph, operator.calls)
        yield Event(0, inputs, outputs)
        yield Event(0, outputs, condition.inputs)
        yield from _run(graph, condition.number)
        yield Event(0, (*condition.outputs, *outputs), body.inputs)
        yield from _run(graph, body.number)
        yield Event(0, body.outputs, outputs)


def _run(graph: Graph, number: int) -> Iterator[Event]:
    for operator in graph.subgraph(number).operators:
        yield from _inner(graph, operator)
        reads = operator.outputs if operator.kind == "WHILE" else operator.inputs
        yield Event(0, reads, operator.outputs, operator)
