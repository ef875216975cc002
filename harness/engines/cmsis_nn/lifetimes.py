"""Lifetimes: the layers between which each tensor is needed, and which tensors share bytes."""

from collections.abc import Sequence

from harness.engines.cmsis_nn.layer import Layer, Names
from harness.model.graph import Graph


def input_name(position: int) -> str:
    """Return the C name of the offset of the model's input `position`."""
    return f"INPUT_{position}" if position else "INPUT"


def state_name(index: int) -> str:
    """Return the C name of the offset of the variable `index`."""
    return f"STATE_{index}"


class Lifetimes:
    """The steps `first` to `last` in which each named tensor is needed.

    A step is an operator's index; -1 is before the first and `end` after the last. An alias (see
    `Layer.alias`) has no name of its own and extends the lifetime of the tensor that it shares
    bytes with. `root` maps each tensor to the tensor that owns its bytes. A variable is needed in
    all steps, and no other tensor shares its bytes.
    """

    def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
        self.end = layers[-1].operator.index + 1 if layers else 0
        self.root = {tensor.index: tensor.index for tensor in graph.tensors}
        self.name: dict[int, str] = {}
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}
        self._graph = graph
        self._layers = layers
        for position, index in enumerate(graph.inputs):
            self._begin(index, input_name(position), -1)
        self._variables = {tensor.index for tensor in graph.variables}
        for index in sorted(self._variables):
            self._begin(index, state_name(index), -1)
        for layer in layers:
            self._visit(layer)
        for index in self._variables:
            self.last[index] = self.end
        for index in graph.outputs:
            self.last[self.root[index]] = self.end

    def compute_in_place(self) -> None:
        """Let layers compute in place where possible: the output then has an input's root."""
        for layer in self._layers:
            if layer.in_place:
                self._merge(layer)

    def members(self) -> dict[int, list[int]]:
        """Return the named tensors that share the bytes of each root, the root first."""
        groups: dict[int, list[int]] = {}
        for index in self.name:
            groups.setdefault(self.root[index], []).append(index)
        return groups

    def _begin(self, index: int, name: str, step: int) -> None:
        self.name[index] = name
        self.first[index] = self.last[index] = step

    def _visit(self, layer: Layer) -> None:
        """Extend the lifetimes of the inputs to `layer`, and begin those of its outputs."""
        step = layer.operator.index
        for index in layer.operator.inputs:
            if index >= 0 and self._graph.tensors[index].data is None:
                self.last[self.root[index]] = step
        for position, output in enumerate(layer.operator.outputs):
            if output in self._variables:
                continue
            if layer.alias is not None:
                self.root[output] = self.root[layer.alias]
            else:
                self._begin(output, Names(step).output(position), step)

    def _merge(self, layer: Layer) -> None:
        """Give the output of `layer` the bytes of an input that no later layer needs."""
        graph, (output,) = self._graph, layer.operator.outputs
        # Inputs and outputs of the model have fixed offsets in their blocks.
        fixed = {self.root[index] for index in (*graph.inputs, *graph.outputs)}
        fixed |= self._variables
        for index in layer.in_place:
            root = self.root[index]
            sharing = [
                tensor
                for tensor, owner in self.root.items()
                if owner == root and tensor in self.last
            ]
            if output in fixed or root in fixed:
                continue
            if max(self.last[tensor] for tensor in sharing) == layer.operator.index:
                for tensor, owner in self.root.items():
                    if owner == output:
                        self.root[tensor] = root
                return
