"""The arena of one model: every activation and scratch buffer with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness import block
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
    """All buffers in the order of their first use, and the size of the arena in bytes.

    `output` is the name of the slot at which the block of outputs begins. Each of `copies`,
    a slot's name and a tensor, is an output that has its value elsewhere: the last thing of an
    inference is to copy it there.
    """

    slots: tuple[Slot, ...]
    size: int
    output: str
    copies: tuple[tuple[str, int], ...]


@dataclass
class _Lives:
    """From which step to which each tensor is needed; -1 is before the first layer.

    A tensor that aliases another prolongs the other's life instead of having its own: `root`
    says whose bytes a tensor is.
    """

    root: dict[int, int]
    name: dict[int, str] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def begin(self, index: int, name: str, step: int) -> None:
        self.name[index] = name
        self.first[index] = self.last[index] = step


def input_name(position: int) -> str:
    """Return the C name of the offset of the model's input `position`."""
    return f"INPUT_{position}" if position else "INPUT"


def allocate(graph: Graph, layers: Sequence[Layer]) -> Memory:
    """Plan the arena.

    The inputs are one block, as `harness.block` lays it out, that lives from before the first
    layer to its last use, so that later layers may overwrite it. The outputs are another, from
    the first of them that is written to the end.
    """
    end = layers[-1].operator.index + 1 if layers else 0
    lives = _lives(graph, layers)
    places, copies = _outputs(graph, lives)
    buffers, members = [], {}

    def add(names: dict[str, int], size: int, first: int, last: int) -> None:
        """Add a buffer that holds the slots `names` at their offsets."""
        key = next(iter(names))
        buffers.append(Buffer(key, size, first, last))
        members[key] = names

    add(
        {input_name(i): at for i, at in enumerate(block.offsets(graph.input_tensors)[:-1])},
        block.size(graph.input_tensors),
        -1,
        max(lives.last[index] for index in graph.inputs),
    )
    add(
        {name: at for name, at, _ in places},
        block.size(graph.output_tensors),
        min((lives.first[root] for *_, root in places if root is not None), default=end),
        end,
    )
    output = str(buffers[-1].key)
    placed_apart = {root for *_, root in places} | set(graph.inputs)
    for index, name in lives.name.items():
        if index not in placed_apart:
            tensor = graph.tensors[index]
            add({name: 0}, tensor.nbytes, lives.first[index], lives.last[index])
    for layer in layers:
        if layer.scratch:
            step = layer.operator.index
            add({Names(step).scratch: 0}, layer.scratch, step, step)
    placed = plan(buffers)
    if placed.size > MAX_ARENA:
        raise InputError(
            f"needs {placed.size:,} bytes of RAM for its activations, more than any target has",
            where=graph.where,
            remedy="choose a smaller model",
        )
    slots = []
    for buffer in sorted(buffers, key=lambda buffer: (buffer.first, str(buffer.key))):
        ends = [*list(members[str(buffer.key)].values())[1:], buffer.size]
        for (name, at), until in zip(members[str(buffer.key)].items(), ends, strict=True):
            offset = placed.offsets[buffer.key] + at
            slots.append(Slot(name, offset, until - at, _life(buffer, end)))
    return Memory(tuple(slots), placed.size, output, copies)


def _lives(graph: Graph, layers: Sequence[Layer]) -> _Lives:
    lives = _Lives({tensor.index: tensor.index for tensor in graph.tensors})
    for position, index in enumerate(graph.inputs):
        lives.begin(index, input_name(position), -1)
    for layer in layers:
        step = layer.operator.index
        for index in layer.operator.inputs:
            if index >= 0 and graph.tensors[index].data is None:
                lives.last[lives.root[index]] = step
        for position, output in enumerate(layer.operator.outputs):
            if layer.alias is not None:
                lives.root[output] = lives.root[layer.alias]
            else:
                lives.begin(output, Names(step).output(position), step)
    end = layers[-1].operator.index + 1 if layers else 0
    for index in graph.outputs:
        lives.last[lives.root[index]] = end
    return lives


def _outputs(
    graph: Graph, lives: _Lives
) -> tuple[list[tuple[str, int, int | None]], tuple[tuple[str, int], ...]]:
    """Return the slots of the block of outputs (name, offset, tensor), and what is copied there.

    A layer computes an output where it has to be, if it is not also an input or another
    output, or the same bytes as one: these are copied.
    """
    places: list[tuple[str, int, int | None]] = []
    copies = []
    taken = set(graph.inputs)
    for position, at in enumerate(block.offsets(graph.output_tensors)[:-1]):
        index = graph.outputs[position]
        root = lives.root[index]
        if root in taken:
            name = f"COPY_{position}"
            places.append((name, at, None))
            copies.append((name, index))
        else:
            places.append((lives.name[root], at, root))
            taken.add(root)
    return places, tuple(copies)


def _life(buffer: Buffer, end: int) -> str:
    first = "start" if buffer.first < 0 else str(buffer.first)
    last = "end" if buffer.last == end else str(buffer.last)
    return f"layer {first}" if first == last else f"{first} to {last}"
