"""Lifetimes: the layers between which each tensor is needed, and which tensors share bytes."""

from collections.abc import Mapping, Sequence

from harness.engines.cmsis_nn.layer import Layer, Names
from harness.engines.cmsis_nn.run_order import Event, Step, events
from harness.model.graph import Graph


def input_name(position: int) -> str:
    """Return the C name of the offset of the model's input `position`."""
    return f"INPUT_{position}" if position else "INPUT"


def buffer_names(graph: Graph) -> dict[int, str]:
    """Return the C name of the offset of each tensor that is not a constant."""
    names = {index: input_name(position) for position, index in enumerate(graph.inputs)}
    for part in graph.subgraphs:
        for position, index in enumerate(part.inputs):
            names[index] = f"SUBGRAPH_{part.number}_INPUT_{position}"
    for operator in graph.all_operators:
        for position, index in enumerate(operator.outputs):
            names[index] = Names(operator.index).output(position)
    names |= {tensor.index: f"STATE_{tensor.index}" for tensor in graph.variables}
    return names


class Lifetimes:
    """The steps `first` to `last` in which each named tensor is needed.

    A step is an operator's index, or lies before it if the operator runs a subgraph; -1 is before
    the first and `end` after the last. `steps` has the first and the last step of each operator.
    An alias (see `Layer.alias`) has no name of its own and extends the lifetime of the tensor that
    it shares bytes with. `root` maps each tensor to the tensor that owns its bytes. A variable is
    needed in all steps, and what shares its bytes is never written.
    """

    def __init__(self, graph: Graph, layers: Sequence[Layer]) -> None:
        self.end = graph.operators[-1].index + 1 if graph.operators else 0
        self.root = {tensor.index: tensor.index for tensor in graph.tensors}
        self.name: dict[int, str] = {}
        self.first: dict[int, Step] = {}
        self.last: dict[int, Step] = {}
        self.steps: dict[int, tuple[Step, Step]] = {}
        self._graph = graph
        self._layers: Mapping[int, Layer] = {layer.operator.index: layer for layer in layers}
        self._names = buffer_names(graph)
        self._variables = {tensor.index for tensor in graph.variables}
        for index in (*graph.inputs, *sorted(self._variables)):
            self._begin(index, -1)
        for event in events(graph):
            self._visit(event)
        for index in self._variables:
            self.last[index] = self.end
        for index in graph.outputs:
            self.last[self.root[index]] = self.end

    def compute_in_place(self) -> None:
        """Let layers compute in place where possible: the output then has an input's root."""
        for layer in self._layers.values():
            if layer.in_place:
                self._merge(layer)

    def members(self) -> dict[int, list[int]]:
        """Return the named tensors that share the bytes of each root, the root first."""
        groups: dict[int, list[int]] = {}
        for index in self.name:
            groups.setdefault(self.root[index], []).append(index)
        return groups

    def _begin(self, index: int, step: Step) -> None:
        self.name[index] = self._names[index]
        self.first.setdefault(index, step)
        self.last[index] = step

    def _visit(self, event: Event) -> None:
        """Extend the lifetimes of what `event` reads, and begin those of what it writes."""
        alias = None
        if event.operator is not None:
            index = event.operator.index
            first, _ = self.steps.get(index, (event.step, event.step))
            self.steps[index] = (first, event.step)
            layer = self._layers.get(index)
            alias = layer.alias if layer else None
        for index in event.reads:
            if index >= 0 and self._graph.tensors[index].data is None:
                self.last[self.root[index]] = event.step
        for output in event.writes:
            if output in self._variables:
                continue
            if alias is not None:
                self.root[output] = self.root[alias]
            else:
                self._begin(output, event.step)

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
            if max(self.last[tensor] for tensor in sharing) == self.steps[layer.operator.index][1]:
                for tensor, owner in self.root.items():
                    if owner == output:
                        self.root[tensor] = root
                return
