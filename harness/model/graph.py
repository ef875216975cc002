"""A network as immutable objects: tensors, operators, constants. `tflite_file` reads it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.model.operator_options import (
    CallOnceOptions,
    IfOptions,
    Options,
    WhileOptions,
)

RESOURCE = np.dtype("V4")
"""The type of a handle of a resource variable. `resource_variables` removes all handles."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor; real value = scale * (stored value - zero point).

    `scale` (float32) and `zero_point` (int64) have one entry for the tensor, or one for each
    index of axis `quantized_axis`; without quantization there are none. `data` is the value of a
    constant, None for a tensor that is computed at run time. Constants that the file packs as
    `int4` are unpacked to int8. A variable keeps its value from one inference to the next, and at
    the start each of its bytes is `initial`. A tensor that is not a variable has no `initial`.
    `place` is where the file has the tensor: its subgraph, and its index there.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: np.ndarray[Any, np.dtype[np.float32]] | None = None
    zero_point: np.ndarray[Any, np.dtype[np.int64]] | None = None
    quantized_axis: int = 0
    data: np.ndarray[Any, np.dtype[Any]] | None = None
    int4: bool = False
    initial: int | None = None
    place: tuple[int, int] = (0, 0)

    @property
    def variable(self) -> bool:
        """Whether the tensor keeps its value between inferences."""
        return self.initial is not None

    @property
    def elements(self) -> int:
        """Number of elements (1 for a scalar)."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * self.dtype.itemsize


@dataclass(frozen=True)
class Operator:
    """One operator; an input of -1 is an absent optional input."""

    index: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Options | None = None

    @property
    def calls(self) -> tuple[int, ...]:
        """The numbers of the subgraphs that the operator runs."""
        options = self.options
        if isinstance(options, CallOnceOptions):
            return (options.init_subgraph_index,)
        if isinstance(options, IfOptions):
            return (options.then_subgraph_index, options.else_subgraph_index)
        if isinstance(options, WhileOptions):
            return (options.cond_subgraph_index, options.body_subgraph_index)
        return ()


@dataclass(frozen=True)
class Subgraph:
    """Operators that CALL_ONCE, IF or WHILE runs; `number` is the subgraph's index in the file."""

    number: int
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """A network. Its operators are in an order in which they can run.

    `operators`, `inputs` and `outputs` are those of the file's first subgraph, which an inference
    runs. `subgraphs` are those that its operators run, directly or not, each after those that it
    runs itself. All share one numbering of tensors and operators, which begins with the first
    subgraph's. `others` are the names of subgraphs that nothing runs: of other signatures.

    `name` contains no folders. `where` is the file, for messages; `source` holds its bytes, for
    engines that interpret them.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    name: str
    where: str = ""
    source: bytes = field(default=b"", repr=False)
    subgraphs: tuple[Subgraph, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def all_operators(self) -> tuple[Operator, ...]:
        """The operators of the network, then those of its subgraphs."""
        return (*self.operators, *(each for sub in self.subgraphs for each in sub.operators))

    def subgraph(self, number: int) -> Subgraph:
        """Return the subgraph with this index in the file, which an operator runs."""
        return next(each for each in self.subgraphs if each.number == number)

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `inputs` names."""
        return tuple(self.tensors[index] for index in self.inputs)

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `outputs` names."""
        return tuple(self.tensors[index] for index in self.outputs)

    @property
    def variables(self) -> tuple[Tensor, ...]:
        """The tensors that are used and kept between inferences: the state."""
        users: tuple[Graph | Subgraph | Operator, ...] = (
            self,
            *self.subgraphs,
            *self.all_operators,
        )
        used = {index for each in users for index in (*each.inputs, *each.outputs)}
        return tuple(each for each in self.tensors if each.variable and each.index in used)

    @property
    def arg_max(self) -> Operator | None:
        """The ARG_MAX that computes the first output, which is a class index then; else None."""
        producers = {index: operator for operator in self.operators for index in operator.outputs}
        producer = producers.get(self.outputs[0])
        while producer is not None and producer.kind == "RESHAPE":
            producer = producers.get(producer.inputs[0])
        return producer if producer is not None and producer.kind == "ARG_MAX" else None

    @property
    def classes(self) -> int:
        """Number of classes that the first output distinguishes."""
        arg_max = self.arg_max
        if arg_max is None:
            return self.output_tensors[0].elements
        return self.tensors[arg_max.inputs[0]].elements // self.output_tensors[0].elements
