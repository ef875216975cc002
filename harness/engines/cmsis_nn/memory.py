"""The arena of one model: every activation and scratch buffer with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engines.cmsis_nn.layer import Layer, Names
from harness.engines.cmsis_nn.plan import Buffer, plan
from harness.errors import InputError
from harness.graph import Graph

MAX_ARENA = (1 << 31) - 1
"""Bytes; the generated offsets are of C's type int."""


@dataclass(frozen=True)
class Slot:
    """A named buffer in the arena; `note` is for the arena map."""

    name: str
    offset: int
    size: int
    note: str


@dataclass(frozen=True)
class Memory:
    """All buffers in the order of their first use, and the size of the arena in bytes."""

    slots: tuple[Slot, ...]
    size: int


def allocate(graph: Graph, layers: Sequence[Layer]) -> Memory:
    """Plan the arena.

    The input lives from before the first layer to its last use, so that later layers may
    overwrite it; the graph's output lives to the end. A tensor that aliases another
    prolongs the other's life instead of having its own.
    """
    end = len(layers)
    root = {tensor.index: tensor.index for tensor in graph.tensors}
    name = {graph.inputs[0]: "INPUT"}
    first, last = {graph.inputs[0]: -1}, {graph.inputs[0]: -1}
    for step, layer in enumerate(layers):
        for index in layer.operator.inputs:
            if index >= 0 and graph.tensors[index].data is None:
                last[root[index]] = step
        output = layer.operator.outputs[0]
        if layer.alias is not None:
            root[output] = root[layer.alias]
        else:
            name[output] = Names(layer.operator.index).output
            first[output] = last[output] = step
    last[root[graph.outputs[0]]] = end
    buffers = [
        Buffer(name[index], graph.tensors[index].nbytes, first[index], last[index])
        for index in name
    ]
    buffers += [
        Buffer(Names(layer.operator.index).scratch, layer.scratch, step, step)
        for step, layer in enumerate(layers)
        if layer.scratch
    ]
    placed = plan(buffers)
    if placed.size > MAX_ARENA:
        raise InputError(
            f"needs {placed.size:,} bytes of RAM for its activations, more than any target has",
            where=graph.where,
            remedy="choose a smaller model",
        )
    spans = {buffer.key: (buffer.first, buffer.last) for buffer in buffers}
    order = sorted(buffers, key=lambda buffer: (buffer.first, str(buffer.key)))
    return Memory(
        tuple(
            Slot(str(b.key), placed.offsets[b.key], b.size, _life(spans[b.key], end)) for b in order
        ),
        placed.size,
    )


def _life(span: tuple[int, int], end: int) -> str:
    first, last = (str(step) for step in span)
    if span[0] < 0:
        first = "start"
    if span[1] == end:
        last = "end"
    return f"layer {first}" if first == last else f"{first} to {last}"
