"""The arena of one model: the offsets of all activations and scratch buffers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.engines.cmsis_nn.arena_plan import Buffer, lower_bound, plan
from harness.engines.cmsis_nn.layer import Layer, Names
from harness.engines.cmsis_nn.lifetimes import Lifetimes, buffer_names
from harness.engines.cmsis_nn.run_order import Step
from harness.errors import InputError
from harness.model import tensor_block
from harness.model.graph import Graph

MAX_ARENA = (1 << 31) - 1
"""Bytes; the generated offsets have the C type int."""


@dataclass(frozen=True)
class Slot:
    """A named buffer in the arena; `note` is for the arena map."""

    name: str
    offset: int
    size: int
    note: str


@dataclass(frozen=True)
class State:
    """A buffer that no other shares: `size` bytes, each of which is `initial` at the start."""

    name: str
    size: int
    initial: int


@dataclass(frozen=True)
class ArenaLayout:
    """All buffers in the order of their first use, and the size of the arena in bytes.

    `least` is a lower bound for the size, for any plan. The block of outputs begins at the slot
    `output`. `copies` are pairs of a slot's name and a tensor: outputs whose value lies elsewhere
    and is copied to the slot at the end of an inference. `state` are the buffers that keep their
    bytes between inferences.
    """

    slots: tuple[Slot, ...]
    size: int
    least: int
    output: str
    copies: tuple[tuple[str, int], ...]
    state: tuple[State, ...] = ()


@dataclass(frozen=True)
class _Part:
    """A slot within a buffer: its `offset` there, and the steps that need it."""

    name: str
    offset: int
    size: int
    first: Step
    last: Step


def allocate(graph: Graph, layers: Sequence[Layer]) -> ArenaLayout:
    """Plan the arena.

    The inputs are one block in the layout of `tensor_block`. Its lifetime ends with its last use,
    so later layers may overwrite it. The outputs are another block, from the first write to the
    end. Layers compute in place if that makes the arena smaller.
    """
    layout = _layout(graph, layers, Lifetimes(graph, layers))
    if any(layer.in_place for layer in layers):
        in_place = Lifetimes(graph, layers)
        in_place.compute_in_place()
        layout = min(layout, _layout(graph, layers, in_place), key=lambda layout: layout.size)
    if layout.size > MAX_ARENA:
        raise InputError(
            f"needs {layout.size:,} bytes of RAM for its activations, more than any target has",
            where=graph.where,
            remedy="choose a smaller model",
        )
    return layout


def _layout(graph: Graph, layers: Sequence[Layer], lifetimes: Lifetimes) -> ArenaLayout:
    end = lifetimes.end
    outputs, copies = _outputs(graph, lifetimes)
    # Each group shares a buffer; the buffer's key is the name of the first part.
    groups = [_inputs(graph, lifetimes), outputs]
    in_blocks = {lifetimes.root[index] for index in (*graph.inputs, *graph.outputs)}
    in_blocks -= {tensor.index for tensor in graph.variables}
    for root, members in lifetimes.members().items():
        if root not in in_blocks:
            groups.append([_part(graph, lifetimes, index, 0) for index in members])
    for layer in layers:
        if layer.scratch:
            index = layer.operator.index
            groups.append([_Part(Names(index).scratch, 0, layer.scratch, *lifetimes.steps[index])])
    buffers = [_buffer(parts) for parts in groups]
    placed = plan(buffers)
    slots = [
        Slot(
            part.name, placed.offsets[parts[0].name] + part.offset, part.size, _lifetime(part, end)
        )
        for parts in sorted(groups, key=lambda parts: (_buffer(parts).first, parts[0].name))
        for part in parts
    ]
    return ArenaLayout(
        tuple(slots), placed.size, lower_bound(buffers), outputs[0].name, copies, _state(graph)
    )


def _state(graph: Graph) -> tuple[State, ...]:
    names = buffer_names(graph)
    return tuple(
        State(names[tensor.index], tensor.nbytes, tensor.initial or 0) for tensor in graph.variables
    )


def _part(graph: Graph, lifetimes: Lifetimes, index: int, offset: int) -> _Part:
    size = graph.tensors[index].nbytes
    return _Part(lifetimes.name[index], offset, size, lifetimes.first[index], lifetimes.last[index])


def _buffer(parts: Sequence[_Part]) -> Buffer:
    return Buffer(
        parts[0].name,
        max(part.offset + part.size for part in parts),
        min(part.first for part in parts),
        max(part.last for part in parts),
    )


def _inputs(graph: Graph, lifetimes: Lifetimes) -> list[_Part]:
    offsets = tensor_block.offsets(graph.input_tensors)
    return [
        _part(graph, lifetimes, index, offset)
        for index, offset in zip(graph.inputs, offsets, strict=False)
    ]


def _outputs(graph: Graph, lifetimes: Lifetimes) -> tuple[list[_Part], tuple[tuple[str, int], ...]]:
    """Return the parts of the block of outputs, and the copies into it.

    Layers write most outputs directly into the block. An output that shares its bytes with an
    input, a variable or another output is copied.
    """
    parts, copies = [], []
    taken = {*graph.inputs, *(tensor.index for tensor in graph.variables)}
    offsets = tensor_block.offsets(graph.output_tensors)
    for position, (index, offset) in enumerate(zip(graph.outputs, offsets, strict=False)):
        root = lifetimes.root[index]
        if root in taken:
            name = f"COPY_{position}"
            parts.append(
                _Part(name, offset, graph.tensors[index].nbytes, lifetimes.end, lifetimes.end)
            )
            copies.append((name, index))
        else:
            parts.append(_part(graph, lifetimes, root, offset))
            taken.add(root)
    return parts, tuple(copies)


def _lifetime(part: _Part, end: int) -> str:
    first = "start" if part.first == -1 else str(math.ceil(part.first))
    last = "end" if part.last == end else str(math.ceil(part.last))
    return f"layer {first}" if first == last else f"{first} to {last}"
