"""Reads a `.tflite` file into a `Graph`; TensorFlow is not needed.

The file is untrusted input. Everything is checked here, once, so that engines need no checks of
their own: in the result of `parse`, indices are in range, shapes match their data, and operators
are in an order in which they can run.
"""

import struct
from dataclasses import fields
from pathlib import PurePath
from typing import Any, get_type_hints

import numpy as np
import tflite

from harness.errors import InputError
from harness.model.graph import Graph, Operator, Tensor
from harness.model.network_kind import explain
from harness.model.operator_options import (
    Options,
)
from harness.model.tflite_options import DEFAULTS, OPTIONS

MAX_ELEMENTS = 1 << 28
MAX_RANK = 8
MAX_NETWORK = 64 << 20
"""Bytes of the largest file; no microcontroller has that much flash."""
MAX_TABLES = 20_000  # operators or tensors


def parse(data: bytes, *, where: str) -> Graph:
    """Read the `.tflite` file `data`; `where` is its name, for messages.

    Raises `InputError` if it is not a `.tflite` file, is damaged, or cannot run on any engine:
    several subgraphs, tensors of unknown type, operators out of order.
    """
    try:
        return _Reader(data, where).graph()
    except InputError as error:
        if not error.what.startswith("is damaged"):
            explain(error, data)
        raise
    except (struct.error, ValueError, IndexError, TypeError) as error:
        # flatbuffers raises one of these for an invalid offset, depending on where it is.
        raise InputError(
            f"is damaged: {error}", where=where, remedy="convert or download it again"
        ) from error


class _Reader:
    """One pass over a file; every error names the file."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data = data
        self.where = where
        # In a valid file, an element of a vector or string takes at least one byte, and no two
        # tables share a byte. Without this budget a small file could cause endless work.
        self.budget = 2 * len(data) + 1024

    def fail(self, what: str, remedy: str = "convert or download it again") -> InputError:
        return InputError(what, where=self.where, remedy=remedy)

    def graph(self) -> Graph:
        if self.data[4:8] != b"TFL3":
            raise self.fail(
                "is not a .tflite file: the identifier TFL3 is missing",
                "give a file from the converter of LiteRT (TensorFlow Lite)",
            )
        model = tflite.Model.GetRootAs(self.data, 0)
        if model.SubgraphsLength() != 1:
            raise self.fail(
                f"has {model.SubgraphsLength()} subgraphs; one is supported",
                "convert the model without control flow and with one signature",
            )
        subgraph = self.table(model.Subgraphs(0), "subgraph 0")
        tensors = tuple(
            self.tensor(model, self.table(subgraph.Tensors(i), f"tensor {i}"), i)
            for i in self.tables(subgraph.TensorsLength(), "tensors")
        )
        operators = tuple(
            self.operator(model, self.table(subgraph.Operators(i), f"operator {i}"), i)
            for i in self.tables(subgraph.OperatorsLength(), "operators")
        )
        inputs = self.integers(subgraph, "Inputs")
        outputs = self.integers(subgraph, "Outputs")
        name = self.name(self.text(subgraph.Name()))
        graph = Graph(tensors, operators, inputs, outputs, name, self.where, self.data)
        self.check_order(graph)
        return graph

    def tables(self, length: int, what: str) -> range:
        """Return the indices of a vector of `length` tables."""
        if length > MAX_TABLES:
            raise self.fail(f"has {length} {what}; at most {MAX_TABLES} are supported")
        return range(length)

    def spend(self, length: int) -> None:
        """Subtract a vector or string of `length` elements from the budget."""
        self.budget -= length
        if self.budget < 0:
            raise self.fail("is damaged: its vectors overlap or are larger than the file")

    def numbers(self, table: Any, name: str) -> list[Any]:
        """Return the vector of numbers in field `name` of `table`."""
        length = getattr(table, f"{name}Length")()
        self.spend(length)
        return list(getattr(table, f"{name}AsNumpy")().tolist()) if length else []

    def integers(self, table: Any, name: str) -> tuple[int, ...]:
        return tuple(self.numbers(table, name))

    def table(self, table: Any, what: str) -> Any:
        if table is None:
            raise self.fail(f"is damaged: {what} is missing")
        return table

    def text(self, raw: bytes | None) -> str:
        self.spend(len(raw or b""))
        return (raw or b"").decode("utf-8", errors="replace")

    def name(self, own: str) -> str:
        """Return the model's own name; without one, that of its file or its folder."""
        path = PurePath(self.where)
        file = path.stem if path.stem != "model" else path.parent.name or path.stem
        return own if own not in {"", "main"} else file

    def tensor(self, model: tflite.Model, table: tflite.Tensor, index: int) -> Tensor:
        name = self.text(table.Name())
        who = f"tensor {index} ({name[:80]!r})"
        shape = self.shape(table, who)
        dtype = _DTYPES.get(table.Type())
        if dtype is None:
            kind = _TYPE_NAMES.get(table.Type(), str(table.Type()))
            raise self.fail(f"{who} has the unsupported type {kind}", "quantize to int8")
        scale, zero_point, axis = self.quantization(table.Quantization(), shape, dtype, who)
        values = self.constant(model, table.Buffer(), shape, dtype, who)
        return Tensor(index, name, shape, dtype, scale, zero_point, axis, values)

    def shape(self, table: tflite.Tensor, who: str) -> tuple[int, ...]:
        shape = self.numbers(table, "Shape")
        signature = self.numbers(table, "ShapeSignature")
        if len(shape) > MAX_RANK:
            raise self.fail(f"{who} has {len(shape)} dimensions; at most {MAX_RANK} are supported")
        if shape and signature[:1] == [-1]:
            shape[0] = 1  # a dynamic batch: one inference at a time
        if any(size < 0 for size in (*shape, *signature[1:])):
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
            raise self.fail(f"{who} has {scale.size} scales but {zero_point.size} zero points")
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            outside = zero_point[(zero_point < limits.min) | (zero_point > limits.max)]
            if outside.size:  # TFLM cuts it to 32 bits
                raise self.fail(f"{who} has zero point {outside[0]}, which {dtype} cannot hold")
        if shape == (scale.size,):
            axis = 0  # whatever the file states: some converters give a bias its filter's axis
        if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
            raise self.fail(f"{who} has {scale.size} scales for axis {axis} of shape {shape}")
        return scale, np.broadcast_to(zero_point, scale.shape), axis

    def constant(
        self,
        model: tflite.Model,
        index: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        who: str,
    ) -> np.ndarray[Any, np.dtype[Any]] | None:
        if not 0 <= index < model.BuffersLength():
            raise self.fail(f"{who} refers to buffer {index} of {model.BuffersLength()}")
        buffer = self.table(model.Buffers(index), f"buffer {index}")
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise self.fail(f"{who} keeps its data outside the flatbuffer", "convert below 2 GB")
        if buffer.DataLength() == 0:
            return None
        raw = np.asarray(buffer.DataAsNumpy())
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if raw.nbytes != size:
            raise self.fail(f"{who} needs {size} bytes of data but has {raw.nbytes}")
        values = raw.view(dtype).reshape(shape)
        values.flags.writeable = False
        return values

    def operator(self, model: tflite.Model, table: tflite.Operator, index: int) -> Operator:
        code_index = table.OpcodeIndex()
        if not 0 <= code_index < model.OperatorCodesLength():
            raise self.fail(f"operator {index} refers to the unknown operator code {code_index}")
        code = self.table(model.OperatorCodes(code_index), f"operator code {code_index}")
        # Old files have only the deprecated 8-bit field, new files may have both.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = _KINDS.get(number, f"OPERATOR_{number}")
        if kind == "CUSTOM":
            kind = f"CUSTOM:{self.text(code.CustomCode())}"
        inputs = self.integers(table, "Inputs")
        outputs = self.integers(table, "Outputs")
        return Operator(index, kind, inputs, outputs, self.options(table, kind, index))

    def options(self, table: tflite.Operator, kind: str, index: int) -> Options | None:
        options = OPTIONS.get(kind)
        if options is None:
            return None
        union = table.BuiltinOptions()
        if union is None or table.BuiltinOptionsType() == 0:
            if kind in DEFAULTS:
                return DEFAULTS[kind]
            raise self.fail(f"operator {index} ({kind}) has no options")
        name = options.__name__
        if table.BuiltinOptionsType() != getattr(tflite.BuiltinOptions, name):
            raise self.fail(f"operator {index} ({kind}) has the options of another operator")
        source = getattr(tflite, name)()
        source.Init(union.Bytes, union.Pos)
        hints = get_type_hints(options)
        values = {
            field.name: hints[field.name](getattr(source, _camel(field.name))())
            for field in fields(options)
        }
        return options(**values)

    def check_order(self, graph: Graph) -> None:
        """Check that each tensor is in range and computed, once, before it is used."""
        total = len(graph.tensors)
        known = {tensor.index for tensor in graph.tensors if tensor.data is not None}
        for index in (*graph.inputs, *graph.outputs):
            if not 0 <= index < total:
                raise self.fail(f"the graph refers to tensor {index} of {total}")
        for index in graph.inputs:
            if index in known:
                raise self.fail(f"the graph's input, tensor {index}, is a constant")
            if graph.inputs.count(index) > 1:
                raise self.fail(f"tensor {index} is an input of the graph more than once")
        known.update(graph.inputs)
        for operator in graph.operators:
            self.check_operator(operator, known, total)
        for index in graph.outputs:
            if index not in known:
                raise self.fail(f"nothing computes the graph's output, tensor {index}")

    def check_operator(self, operator: Operator, known: set[int], total: int) -> None:
        who = f"operator {operator.index} ({operator.kind})"
        for index in operator.inputs:
            if not -1 <= index < total:
                raise self.fail(f"{who} reads tensor {index} of {total}")
            if index != -1 and index not in known:
                raise self.fail(
                    f"{who} reads tensor {index} before it is written",
                    "a state that is kept between inferences is not supported",
                )
        for index in operator.outputs:
            if not 0 <= index < total:
                raise self.fail(f"{who} writes tensor {index} of {total}")
            if index in known:
                raise self.fail(f"{who} writes tensor {index}, which already has a value")
            known.add(index)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _numbers(enum: type) -> dict[int, str]:
    return {value: name for name, value in vars(enum).items() if isinstance(value, int)}


_KINDS = _numbers(tflite.BuiltinOperator)
_TYPE_NAMES = _numbers(tflite.TensorType)
_DTYPES: dict[int, np.dtype[Any]] = {
    number: np.dtype(name.lower())
    for number, name in _TYPE_NAMES.items()
    if name.lower() in np.sctypeDict and name not in {"STRING", "BOOL"}
}
