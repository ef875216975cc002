"""From which layer to which each tensor is needed, and which tensors share their bytes."""

from collections.abc import Sequence

from harness.engines.cmsis_nn.layer import Layer, Names
from harness.model.graph import Graph


def input_name(position: int) -> str:
    """Return the C name of the offset of the model's input `position`."""
    return f"INPUT_{position}" if position else "INPUT"


class Lives:
    """The steps `first` to `last` in which each tensor that has a name is needed.

    A step is an operator's index; -1 is before the first and `end` after the last. A tensor
    that is another's bytes (a layer's `alias`) has no name and prolongs the other's life:
    `root` says whose bytes a tensor is.
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
        for layer in layers:
            self._pass(layer)
        for index in graph.outputs:
            self.last[self.root[index]] = self.end

    def merge(self) -> None:
        """Have each layer compute in place that can: the output's root is an input's then."""
        for layer in self._layers:
            if layer.in_place:
                self._merge(layer)

    def members(self) -> dict[int, list[int]]:
        """Return the tensors with names that share the bytes of each root, itself first."""
        found: dict[int, list[int]] = {}
        for index in self.name:
            found.setdefault(self.root[index], []).append(index)
        return found

    def _begin(self, index: int, name: str, step: int) -> None:
        self.name[index] = name
        self.first[index] = self.last[index] = step

    def _pass(self, layer: Layer) -> None:
        step = layer.operator.index
        for index in layer.operator.inputs:
            if index >= 0 and self._graph.tensors[index].data is None:
                self.last[self.root[index]] = step
        for position, output in enumerate(layer.operator.outputs):
            if layer.alias is not None:
                self.root[output] = self.root[layer.alias]
            else:
                self._begin(output, Names(step).output(position), step)

    def _merge(self, layer: Layer) -> None:
        """Give the output of `layer` the bytes of an input that nobody needs afterwards."""
        graph, (output,) = self._graph, layer.operator.outputs
        # Inputs and outputs of the model have places of their own, in their blocks.
        ends = {self.root[index] for index in (*graph.inputs, *graph.outputs)}
        for index in layer.in_place:
            root = self.root[index]
            users = [other for other, of in self.root.items() if of == root and other in self.last]
            if output in ends or root in ends:
                continue
            if max(self.last[user] for user in users) == layer.operator.index:
                for other, of in self.root.items():
                    if of == output:
                        self.root[other] = root
                return
