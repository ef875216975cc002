"""The arena of one model: every activation and scratch buffer with its place."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engines.cmsis_nn.arena_plan import Buffer, busiest, plan
from harness.engines.cmsis_nn.layer import Layer, Names
from harness.engines.cmsis_nn.lifetimes import Lives
from harness.errors import InputError
from harness.model import tensor_block
from harness.model.graph import Graph

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
    """All buffers in the order of their first use, and the size of the arena in bytes.

    No plan for the same buffers is smaller than `least`. `output` is the name of the slot at
    which the block of outputs begins. Each of `copies`, a slot's name and a tensor, is an
    output that has its value elsewhere: the last of an inference is to copy it there.
    """

    slots: tuple[Slot, ...]
    size: int
    least: int
    output: str
    copies: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class _Part:
    """A slot within a buffer: `offset` from its beginning, and the steps that need it."""

    name: str
    offset: int
    size: int
    first: int
    last: int


def allocate(graph: Graph, layers: Sequence[Layer]) -> Memory:
    """Plan the arena.

    The inputs are one block, as `tensor_block` lays it out, that lives from before the first
    layer to its last use, so that later layers may overwrite it. The outputs are another, from
    the first of them that is written to the end. Layers compute in place where that makes the
    arena smaller.
    """
    memory = _memory(graph, layers, Lives(graph, layers))
    if any(layer.in_place for layer in layers):
        merged = Lives(graph, layers)
        merged.merge()
        memory = min(memory, _memory(graph, layers, merged), key=lambda memory: memory.size)
    if memory.size > MAX_ARENA:
        raise InputError(
            f"needs {memory.size:,} bytes of RAM for its activations, more than any target has",
            where=graph.where,
            remedy="choose a smaller model",
        )
    return memory


def _memory(graph: Graph, layers: Sequence[Layer], lives: Lives) -> Memory:
    end = lives.end
    outputs, copies = _outputs(graph, lives)
    # What shares a buffer, whose key is the first's name.
    groups = [_inputs(graph, lives), outputs]
    apart = {lives.root[index] for index in (*graph.inputs, *graph.outputs)}
    for root, members in lives.members().items():
        if root not in apart:
            groups.append([_part(graph, lives, index, 0) for index in members])
    for layer in layers:
        if layer.scratch:
            step = layer.operator.index
            groups.append([_Part(Names(step).scratch, 0, layer.scratch, step, step)])
    buffers = [_buffer(parts) for parts in groups]
    placed = plan(buffers)
    slots = [
        Slot(part.name, placed.offsets[parts[0].name] + part.offset, part.size, _life(part, end))
        for parts in sorted(groups, key=lambda parts: (_buffer(parts).first, parts[0].name))
        for part in parts
    ]
    return Memory(tuple(slots), placed.size, busiest(buffers), outputs[0].name, copies)


def _part(graph: Graph, lives: Lives, index: int, offset: int) -> _Part:
    size = graph.tensors[index].nbytes
    return _Part(lives.name[index], offset, size, lives.first[index], lives.last[index])


def _buffer(parts: Sequence[_Part]) -> Buffer:
    return Buffer(
        parts[0].name,
        max(part.offset + part.size for part in parts),
        min(part.first for part in parts),
        max(part.last for part in parts),
    )


def _inputs(graph: Graph, lives: Lives) -> list[_Part]:
    offsets = tensor_block.offsets(graph.input_tensors)
    return [_part(graph, lives, *place) for place in zip(graph.inputs, offsets, strict=False)]


def _outputs(graph: Graph, lives: Lives) -> tuple[list[_Part], tuple[tuple[str, int], ...]]:
    """Return the parts of the block of outputs, and what is copied there.

    A layer computes an output where it has to be, if it is not also an input or another
    output, or the same bytes as one: these are copied.
    """
    parts, copies = [], []
    taken = set(graph.inputs)
    offsets = tensor_block.offsets(graph.output_tensors)
    for position, (index, offset) in enumerate(zip(graph.outputs, offsets, strict=False)):
        root = lives.root[index]
        if root in taken:
            name = f"COPY_{position}"
            parts.append(_Part(name, offset, graph.tensors[index].nbytes, lives.end, lives.end))
            copies.append((name, index))
        else:
            parts.append(_part(graph, lives, root, offset))
            taken.add(root)
    return parts, tuple(copies)


def _life(part: _Part, end: int) -> str:
    first = "start" if part.first < 0 else str(part.first)
    last = "end" if part.last == end else str(part.last)
    return f"layer {first}" if first == last else f"{first} to {last}"
