"""What a `.tflite` file holds, even if no engine can run it: tensors, operators, subgraphs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import tflite

# The file is untrusted: in a small one, many tables may share the same bytes.
_MOST = 5_000  # operators, or tensors, of all subgraphs
_MOST_SUBGRAPHS = 64
_MOST_ENDS = 16  # inputs or outputs of an operator or of the network; weights are among the first


def names_of(enum: type) -> dict[int, str]:
    """Return the names of a flatbuffers `enum` by their numbers."""
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


KINDS = names_of(tflite.BuiltinOperator)
TYPES = names_of(tflite.TensorType)


@dataclass(frozen=True)
class TensorFacts:
    """A tensor: its type, whether it is constant, stored sparsely, or outside the flatbuffer."""

    name: str
    type: str
    constant: bool
    quantized: bool
    sparse: bool = False
    external: bool = False
    dynamic: tuple[int, ...] = ()
    """Its shape if a size other than the batch is not fixed; otherwise empty."""


@dataclass(frozen=True)
class OperatorFacts:
    """An operator; its kind is a custom operator's own name if `custom`."""

    kind: str
    custom: bool
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]

    @property
    def tensors(self) -> tuple[TensorFacts, ...]:
        """Its inputs and outputs."""
        return self.inputs + self.outputs


@dataclass(frozen=True)
class FileFacts:
    """The operators of all subgraphs; the first subgraph's come first."""

    operators: list[OperatorFacts] = field(default_factory=list)
    inputs: tuple[TensorFacts, ...] = ()
    subgraphs: int = 0
    metadata: tuple[str, ...] = ()

    @property
    def custom(self) -> list[str]:
        """The names of its custom operators, in order, without repetition."""
        return list(dict.fromkeys(each.kind for each in self.operators if each.custom))

    @property
    def tensors(self) -> Iterator[TensorFacts]:
        """The tensors of its operators."""
        return (tensor for each in self.operators for tensor in each.tensors)


def facts_of(data: bytes) -> FileFacts:
    """Read the facts of the `.tflite` file `data`.

    Raises what flatbuffers raises for a damaged file: struct.error, ValueError, IndexError,
    TypeError or AttributeError.
    """
    model = tflite.Model.GetRootAs(data, 0)
    operators: list[OperatorFacts] = []
    inputs: tuple[TensorFacts, ...] = ()
    left = _MOST
    for index in range(min(model.SubgraphsLength(), _MOST_SUBGRAPHS)):
        subgraph = model.Subgraphs(index)
        count = min(subgraph.TensorsLength(), left)
        left -= count
        tensors = [_tensor(model, subgraph.Tensors(i)) for i in range(count)]
        length = min(subgraph.OperatorsLength(), _MOST - len(operators))
        operators += [_operator(model, subgraph.Operators(i), tensors) for i in range(length)]
        if index == 0:
            inputs = _chosen(tensors, subgraph.Inputs, subgraph.InputsLength())
    names = (model.Metadata(i).Name() for i in range(min(model.MetadataLength(), _MOST_ENDS)))
    return FileFacts(operators, inputs, model.SubgraphsLength(), tuple(map(_text, names)))


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", errors="replace")[:80]


def _tensor(model: Any, table: Any) -> TensorFacts:
    index = table.Buffer()
    buffer = model.Buffers(index) if 0 < index < model.BuffersLength() else None
    external = buffer is not None and (buffer.Offset() > 1 or buffer.Size() > 1)
    quantization = table.Quantization()
    signature = [table.ShapeSignature(i) for i in range(min(table.ShapeSignatureLength(), 8))]
    return TensorFacts(
        name=_text(table.Name()),
        type=TYPES.get(table.Type(), str(table.Type())),
        constant=external or (buffer is not None and buffer.DataLength() > 0),
        quantized=quantization is not None and quantization.ScaleLength() > 0,
        sparse=table.Sparsity() is not None,
        external=external,
        dynamic=tuple(signature) if any(size < 0 for size in signature[1:]) else (),
    )


def _operator(model: Any, table: Any, tensors: list[TensorFacts]) -> OperatorFacts:
    code = model.OperatorCodes(table.OpcodeIndex())
    kind = KINDS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "unknown")
    custom = kind == "CUSTOM"
    return OperatorFacts(
        _text(code.CustomCode()) if custom else kind,
        custom,
        _chosen(tensors, table.Inputs, table.InputsLength()),
        _chosen(tensors, table.Outputs, table.OutputsLength()),
    )


def _chosen(
    tensors: list[TensorFacts], index_at: Callable[[int], int], length: int
) -> tuple[TensorFacts, ...]:
    indices = (index_at(i) for i in range(min(length, _MOST_ENDS)))
    return tuple(tensors[index] for index in indices if 0 <= index < len(tensors))
