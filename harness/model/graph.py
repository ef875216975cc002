"""A network as immutable objects: tensors, operators, constants. `tflite_file` reads it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from harness.model.operator_options import Options


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor; real value = scale * (stored value - zero point).

    `scale` (float32) and `zero_point` (int64) have one entry for the tensor, or one for each
    index of axis `quantized_axis`. `scale` is None if the tensor is not quantized. `data` is the
    value of a constant, None for a tensor that is computed at run time. Constants that the file
    packs as `int4` are unpacked to int8.
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


@dataclass(frozen=True)
class Graph:
    """A network. Its operators are in an order in which they can run.

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

    @property
    def input_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `inputs` names."""
        return tuple(self.tensors[index] for index in self.inputs)

    @property
    def output_tensors(self) -> tuple[Tensor, ...]:
        """The tensors that `outputs` names."""
        return tuple(self.tensors[index] for index in self.outputs)

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
