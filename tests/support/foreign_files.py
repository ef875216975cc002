"""Builds `.tflite` files of kinds that no engine runs: only what the file says of itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers  # type: ignore[import-untyped]
import tflite


@dataclass(frozen=True)
class Data:
    """A tensor of 4 elements; a constant has `size` bytes in its buffer."""

    type: str = "INT8"
    size: int = 0
    quantized: bool = False
    sparse: bool = False
    external: bool = False
    signature: Sequence[int] = ()
    shape: Sequence[int] = (1, 4)


@dataclass(frozen=True)
class Step:
    """An operator; a kind that TFLite does not have is a custom operator."""

    kind: str
    inputs: Sequence[int]
    outputs: Sequence[int]
    options: str = ""


class _Writer:
    def __init__(self) -> None:
        self.b = flatbuffers.Builder(1024)

    def numbers(self, values: Sequence[int], wide: str = "Int32") -> int:
        size = {"Int32": 4, "Int64": 8, "Float32": 4}[wide]
        self.b.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(self.b, f"Prepend{wide}")(value)
        return int(self.b.EndVector())

    def tables(self, offsets: Sequence[int]) -> int:
        self.b.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.b.PrependUOffsetTRelative(offset)
        return int(self.b.EndVector())

    def table(self, kind: str, **fields: int) -> int:
        getattr(tflite, f"{kind}Start")(self.b)
        for name, value in fields.items():
            getattr(tflite, f"{kind}Add{name}")(self.b, value)
        return int(getattr(tflite, f"{kind}End")(self.b))

    def buffer(self, data: Data) -> int:
        if data.external:
            return self.table("Buffer", Offset=4096, Size=data.size)
        if not data.size:
            return self.table("Buffer")
        raw = self.b.CreateByteVector(bytes(data.size))
        return self.table("Buffer", Data=raw)

    def tensor(self, index: int, data: Data) -> int:
        fields = {
            "Name": self.b.CreateString(f"t{index}"),
            "Shape": self.numbers(data.shape),
            "Type": getattr(tflite.TensorType, data.type),
            "Buffer": index + 1,
        }
        if data.signature:
            fields["ShapeSignature"] = self.numbers(data.signature)
        if data.quantized:
            scale, point = self.numbers([1], "Float32"), self.numbers([0], "Int64")
            fields["Quantization"] = self.table(
                "QuantizationParameters", Scale=scale, ZeroPoint=point
            )
        if data.sparse:
            order = self.numbers([0, 1])
            fields["Sparsity"] = self.table("SparsityParameters", TraversalOrder=order)
        return self.table("Tensor", **fields)


def foreign_file(
    tensors: Sequence[Data], steps: Sequence[Step], *, subgraphs: int = 1, metadata: str = ""
) -> bytes:
    """Return a file whose input is its first tensor, and whose output is its last one."""
    w = _Writer()
    buffers = w.tables([w.table("Buffer"), *(w.buffer(data) for data in tensors)])
    codes, rows = [], []
    for number, step in enumerate(steps):
        builtin = getattr(tflite.BuiltinOperator, step.kind, tflite.BuiltinOperator.CUSTOM)
        code = {"BuiltinCode": builtin, "DeprecatedBuiltinCode": min(builtin, 127)}
        codes.append(w.table("OperatorCode", CustomCode=w.b.CreateString(step.kind), **code))
        ends = {"Inputs": w.numbers(step.inputs), "Outputs": w.numbers(step.outputs)}
        if step.options:
            ends["BuiltinOptionsType"] = getattr(tflite.BuiltinOptions, step.options)
            ends["BuiltinOptions"] = w.table(step.options)
        rows.append(w.table("Operator", OpcodeIndex=number, **ends))
    graph = w.table(
        "SubGraph",
        Tensors=w.tables([w.tensor(index, data) for index, data in enumerate(tensors)]),
        Inputs=w.numbers([0]),
        Outputs=w.numbers([len(tensors) - 1]),
        Operators=w.tables(rows),
    )
    fields = {
        "Version": 3,
        "OperatorCodes": w.tables(codes),
        "Subgraphs": w.tables([graph] * subgraphs),
        "Buffers": buffers,
    }
    if metadata:
        fields["Metadata"] = w.tables([w.table("Metadata", Name=w.b.CreateString(metadata))])
    w.b.Finish(w.table("Model", **fields), b"TFL3")
    return bytes(w.b.Output())
