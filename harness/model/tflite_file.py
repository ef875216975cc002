"""Reads a `.tflite` file into a `Graph`; TensorFlow is not needed.

The file is untrusted input. Everything is checked here, once, so that engines need no checks of
their own: in the result of `parse`, indices are in range, shapes match their data, and operators
are in an order in which they can run.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath

import tflite

from harness.errors import InputError
from harness.model.file_facts import KINDS
from harness.model.graph import Graph, Operator, Subgraph, Tensor
from harness.model.network_kind import explain
from harness.model.operator_options import Options
from harness.model.resource_variables import without_handles
from harness.model.subgraph_rules import check_calls, check_order, in_call_order, renumbered
from harness.model.tflite_options import read_options
from harness.model.tflite_tables import MAX_TABLES
from harness.model.tflite_tensors import TensorReader

MAX_NETWORK = 64 << 20
"""Bytes of the largest file; no microcontroller has that much flash."""
MAX_SUBGRAPHS = 200
_DAMAGED = (struct.error, ValueError, IndexError, TypeError)
"""What flatbuffers raises for an invalid offset, depending on where it is."""


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
    except _DAMAGED as error:
        raise reader.fail(f"is damaged: {reader.damage(error)}") from error


def operator_kinds(data: bytes, *, where: str) -> set[str]:
    """Return the kinds of operators in all subgraphs of a file that `parse` has read."""
    model = tflite.Model.GetRootAs(data, 0)
    reader = _Reader(data, where)
    return {reader.kind(model, index) for index in range(model.OperatorCodesLength())}


def variables_made(data: bytes, *, where: str) -> set[Options]:
    """Return the options of VAR_HANDLE in all subgraphs of a file that `parse` has read.

    Raises `InputError` if a subgraph that nothing runs is damaged.
    """
    model = tflite.Model.GetRootAs(data, 0)
    reader = _Reader(data, where)
    try:
        return {
            operator.options
            for number in range(model.SubgraphsLength())
            for operator in reader.handle_makers(model, number)
            if operator.options is not None
        }
    except _DAMAGED as error:
        raise reader.fail(f"is damaged: {reader.damage(error)}") from error


class _Reader(TensorReader):
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

    def handle_makers(self, model: tflite.Model, number: int) -> Iterator[Operator]:
        """Yield the VAR_HANDLEs of a subgraph."""
        part = self.table(model.Subgraphs(number), f"subgraph {number}")
        for index in self.tables(part.OperatorsLength(), "operators"):
            table = self.table(part.Operators(index), f"operator {index}")
            if self.code(model, table, index) == "VAR_HANDLE":
                yield self.operator(model, table, index)

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

    def kind(self, model: tflite.Model, index: int) -> str:
        code = self.table(model.OperatorCodes(index), f"operator code {index}")
        # Old files have only the deprecated 8-bit field, new files may have both.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = KINDS.get(number, f"OPERATOR_{number}")
        return f"CUSTOM:{self.text(code.CustomCode())}" if kind == "CUSTOM" else kind

    def code(self, model: tflite.Model, table: tflite.Operator, index: int) -> str:
        """Return the kind of the operator `table`."""
        code_index = table.OpcodeIndex()
        if not 0 <= code_index < model.OperatorCodesLength():
            raise self.fail(f"operator {index} refers to the unknown operator code {code_index}")
        return self.kind(model, code_index)

    def operator(self, model: tflite.Model, table: tflite.Operator, index: int) -> Operator:
        kind = self.code(model, table, index)
        inputs = self.integers(table, "Inputs")
        outputs = self.integers(table, "Outputs")
        options = read_options(table, f"operator {index} ({kind})", kind, self.text, self.fail)
        return Operator(index, kind, inputs, outputs, options)
