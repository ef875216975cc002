"""Reads a `.tflite` file into a `Graph`; TensorFlow is not needed.

The file is untrusted input. Everything is checked here, once, so that engines need no checks of
their own: in the result of `parse`, indices are in range, shapes match their data, and operators
are in an order in which they can run.
"""

import struct
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import tflite

from harness.errors import InputError
from harness.model.graph import RESOURCE, Graph, Operator, Subgraph, Tensor
from harness.model.network_kind import explain
from harness.model.resource_variables import without_handles
from harness.model.subgraph_rules import check_calls, check_order, in_call_order, renumbered
from harness.model.tflite_options import read_options
from harness.model.tflite_tables import MAX_TABLES, TableReader
from harness.support.plural import count_of

MAX_ELEMENTS = 1 << 28
MAX_RANK = 8
MAX_NETWORK = 64 << 20
"""Bytes of the largest file; no microcontroller has that much flash."""
MAX_SUBGRAPHS = 200


def parse(data: bytes, *, where: str) -> Graph:
    """Read the `.tflite` file `data`; `where` is its name, for messages.

    Raises `InputError` if it is not a `.tflite` file, is damaged, or cannot run on any engine:
    tensors of unknown type, operators out of order, a subgraph that runs itself. Like TFLM, this
    takes the first subgraph and those that it runs; those of other signatures are not read.
    """
    reader = _Reader(data, where)
    try:
        return reader.graph()
    except InputError as error:
        if not error.what.startswith("is damaged"):
            explain(error, data)
        raise
    except (struct.error, ValueError, IndexError, TypeError) as error:
        # flatbuffers raises one of these for an invalid offset, depending on where it is.
        raise reader.fail(f"is damaged: {reader.damage(error)}") from error


def operator_kinds(data: bytes, *, where: str) -> set[str]:
    """Return the kinds of operators in all subgraphs of a file that `parse` has read."""
    model = tflite.Model.GetRootAs(data, 0)
    reader = _Reader(data, where)
    return {reader.kind(model, index) for index in range(model.OperatorCodesLength())}


class _Reader(TableReader):
    """One pass over a file; every error names the file."""

    def __init__(self, data: bytes, where: str) -> None:
        super().__init__(data, where)
        self.tensors: list[Tensor] = []
        self.operators = 0  # read so far

    def graph(self) -> Graph:
        if self.data[4:8] != b"TFL3":
            raise self.fail(
                "is not a .tflite file: the identifier TFL3 is missing",
                "give a file from the converter of LiteRT (TensorFlow Lite)",
            )
        model = tflite.Model.GetRootAs(self.data, 0)
        count = model.SubgraphsLength()
        if not 1 <= count <= MAX_SUBGRAPHS:
            raise self.fail(f"has {count} subgraphs; 1 to {MAX_SUBGRAPHS} are supported")
        parts = {0: self.subgraph(model, 0)}
        waiting = self.called(parts[0], count)
        while waiting:
            number = waiting.pop()
            if number not in parts:
                parts[number] = self.subgraph(model, number)
                waiting += self.called(parts[number], count)
        self.part = ""
        *others, main = in_call_order(parts, MAX_TABLES, self.fail)
        tables = {i: self.table(model.Subgraphs(i), f"subgraph {i}") for i in range(count)}
        graph = Graph(
            tuple(self.tensors),
            main.operators,
            main.inputs,
            main.outputs,
            self.name(self.text(tables[0].Name())),
            self.where,
            self.data,
            tuple(others),
            tuple(self.text(tables[i].Name()) for i in range(count) if i not in parts),
        )
        check_calls(graph, self.fail)
        return without_handles(graph, self.fail)

    def called(self, part: Subgraph, count: int) -> list[int]:
        """Return the subgraphs, of `count`, that `part` runs."""
        numbers = [(each, number) for each in part.operators for number in each.calls]
        for operator, number in numbers:
            if not 0 <= number < count:
                raise self.fail(
                    f"operator {operator.index} ({operator.kind}) runs subgraph {number} of {count}"
                )
        return [number for _, number in numbers]

    def subgraph(self, model: tflite.Model, number: int) -> Subgraph:
        """Read a subgraph; its tensors and operators continue the numbers of those before."""
        self.part = f"subgraph {number}: " if number else ""
        table = self.table(model.Subgraphs(number), f"subgraph {number}")
        inputs = self.integers(table, "Inputs")
        outputs = self.integers(table, "Outputs")
        tensors = [
            self.tensor(model, self.table(table.Tensors(i), f"tensor {i}"), i, inputs)
            for i in self.tables(table.TensorsLength(), "tensors")
        ]
        operators = tuple(
            self.operator(model, self.table(table.Operators(i), f"operator {i}"), i)
            for i in self.tables(table.OperatorsLength(), "operators")
        )
        part = Subgraph(number, operators, inputs, outputs)
        check_order(part, tensors, self.fail)
        return self.numbered(part, tensors)

    def numbered(self, part: Subgraph, tensors: list[Tensor]) -> Subgraph:
        """Add the subgraph's `tensors` to those of the file, and return it with their numbers."""
        first = len(self.tensors)
        self.tensors += [
            replace(each, index=first + each.index, place=(part.number, each.index))
            for each in tensors
        ]
        part = renumbered(part, first, self.operators)
        self.operators += len(part.operators)
        return part

    def name(self, own: str) -> str:
        """Return the model's own name; without one, that of its file or its folder."""
        path = PurePath(self.where)
        file = path.stem if path.stem != "model" else path.parent.name or path.stem
        return own if own not in {"", "main"} else file

    def tensor(
        self, model: tflite.Model, table: tflite.Tensor, index: int, inputs: tuple[int, ...]
    ) -> Tensor:
        name = self.text(table.Name())
        who = f"tensor {index} ({name[:80]!r})"
        shape = self.shape(table, who, fixed=index in inputs)
        int4 = table.Type() == tflite.TensorType.INT4
        dtype = np.dtype(np.int8) if int4 else _DTYPES.get(table.Type())
        if dtype is None:
            kind = _TYPE_NAMES.get(table.Type(), str(table.Type()))
            raise self.fail(f"{who} has the unsupported type {kind}", "quantize to int8")
        scale, zero_point, axis = self.quantization(table.Quantization(), shape, dtype, who)
        # TFLM ignores a variable's data. An input gets its value in each inference anyway.
        if table.IsVariable() and index not in inputs and not int4:
            initial = self.initial(table, dtype)
            return Tensor(index, name, shape, dtype, scale, zero_point, axis, initial=initial)
        raw = self.raw_constant(model, table.Buffer(), who)
        if int4 and raw is None:
            raise self.fail(
                f"{who} has the unsupported type INT4; only constants can have it",
                "quantize to int8",
            )
        values = None if raw is None else self.constant(raw, shape, dtype, who, int4=int4)
        return Tensor(index, name, shape, dtype, scale, zero_point, axis, values, int4)

    def initial(self, table: tflite.Tensor, dtype: np.dtype[Any]) -> int:
        """Return the byte that fills a variable at the start, as TFLM's ResetTensorData."""
        quantization = table.Quantization()
        if dtype != np.int8 or quantization is None or quantization.ZeroPointLength() == 0:
            return 0
        return int(quantization.ZeroPoint(0)) & 0xFF

    def shape(self, table: tflite.Tensor, who: str, *, fixed: bool) -> tuple[int, ...]:
        """Return the shape for a batch of 1; with `fixed`, all other sizes must be known.

        Within a network, TFLM takes the sizes that the converter wrote in place of unknown ones.
        """
        shape = self.numbers(table, "Shape")
        signature = self.numbers(table, "ShapeSignature")
        if len(shape) > MAX_RANK:
            raise self.fail(
                f"{who} has {count_of(len(shape), 'dimension')}; at most {MAX_RANK} are supported"
            )
        if shape and signature[:1] == [-1]:
            shape[0] = 1  # a dynamic batch: one inference at a time
        if any(size < 0 for size in (*shape, *(signature[1:] if fixed else ()))):
            raise self.fail(
                f"{who} has shape {shape} and a dimension that is not fixed",
                "convert the model with a fixed input shape",
            )
        elements = 1
        for size in shape:
            elements *= size
            if elements > MAX_ELEMENTS:
                raise self.fail(f"{who} has shape {shape}, too large for any target")
        return tuple(shape)

    def quantization(
        self,
        table: tflite.QuantizationParameters | None,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        who: str,
    ) -> tuple[
        np.ndarray[Any, np.dtype[np.float32]] | None,
        np.ndarray[Any, np.dtype[np.int64]] | None,
        int,
    ]:
        if table is None or table.ScaleLength() == 0:
            return None, None, 0
        scales = self.numbers(table, "Scale")
        points = self.numbers(table, "ZeroPoint")
        axis = int(table.QuantizedDimension())
        scale = np.array(scales, np.float32)
        zero_point = np.array(points, np.int64)
        if not np.isfinite(scale).all() or (scale < 0).any():
            raise self.fail(f"{who} has a scale that is negative or not finite")
        if zero_point.size not in {1, scale.size}:  # without any, TFLM ignores the scales, too
            raise self.fail(
                f"{who} has {count_of(scale.size, 'scale')} but {zero_point.size} zero points"
            )
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            outside = zero_point[(zero_point < limits.min) | (zero_point > limits.max)]
            if outside.size:  # TFLM cuts it to 32 bits
                raise self.fail(f"{who} has zero point {outside[0]}, which {dtype} cannot hold")
        if shape == (scale.size,):
            axis = 0  # whatever the file states: some converters give a bias its filter's axis
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise self.fail(
                f"{who} has {count_of(scale.size, 'scale')} for axis {axis} of shape {shape}"
            )
        return scale, np.broadcast_to(zero_point, scale.shape), axis

    def raw_constant(
        self, model: tflite.Model, index: int, who: str
    ) -> np.ndarray[Any, np.dtype[np.uint8]] | None:
        """Return the bytes of a buffer, or None if it is empty: the tensor is not a constant."""
        if not 0 <= index < model.BuffersLength():
            raise self.fail(f"{who} refers to buffer {index} of {model.BuffersLength()}")
        buffer = self.table(model.Buffers(index), f"buffer {index}")
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise self.fail(f"{who} keeps its data outside the flatbuffer", "convert below 2 GB")
        if buffer.DataLength() == 0:
            return None
        return np.asarray(buffer.DataAsNumpy())

    def constant(
        self,
        raw: np.ndarray[Any, np.dtype[np.uint8]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        who: str,
        *,
        int4: bool,
    ) -> np.ndarray[Any, np.dtype[Any]]:
        """Return the value of a constant; with `int4`, each byte holds two, the first one low."""
        elements = int(np.prod(shape, dtype=np.int64))
        size = -(-elements // 2) if int4 else elements * dtype.itemsize
        if raw.nbytes != size:
            raise self.fail(f"{who} needs {size} bytes of data but has {raw.nbytes}")
        if int4:
            halves = np.stack([raw << 4, raw & 0xF0], axis=-1).ravel()[:elements]
            raw = (halves.view(np.int8) >> 4).view(np.uint8)
        values = raw.view(dtype).reshape(shape)
        values.flags.writeable = False
        return values

    def kind(self, model: tflite.Model, index: int) -> str:
        code = self.table(model.OperatorCodes(index), f"operator code {index}")
        # Old files have only the deprecated 8-bit field, new files may have both.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = _KINDS.get(number, f"OPERATOR_{number}")
        return f"CUSTOM:{self.text(code.CustomCode())}" if kind == "CUSTOM" else kind

    def operator(self, model: tflite.Model, table: tflite.Operator, index: int) -> Operator:
        code_index = table.OpcodeIndex()
        if not 0 <= code_index < model.OperatorCodesLength():
            raise self.fail(f"operator {index} refers to the unknown operator code {code_index}")
        kind = self.kind(model, code_index)
        inputs = self.integers(table, "Inputs")
        outputs = self.integers(table, "Outputs")
        options = read_options(table, f"operator {index} ({kind})", kind, self.text, self.fail)
        return Operator(index, kind, inputs, outputs, options)


def _numbers(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_KINDS = _numbers(tflite.BuiltinOperator)
_TYPE_NAMES = _numbers(tflite.TensorType)
_DTYPES: dict[int, np.dtype[Any]] = {
    number: np.dtype(name.lower())
    for number, name in _TYPE_NAMES.items()
    if name.lower() in np.sctypeDict and name != "STRING"
} | {tflite.TensorType.RESOURCE: RESOURCE}
