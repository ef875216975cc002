"""Unpacks int4 weights that TFLM refuses: those of FULLY_CONNECTED with a scale for each output.

With the same weights in int8, TFLM computes the network. Everywhere else it unpacks them itself.
"""

import numpy as np
import tflite

from harness.model.graph import Graph

_NOTE = "int4 weights unpacked to int8"


def note(graph: Graph) -> str:
    """Return what the name of golden's source must say, or "" if TFLM runs the file itself."""
    for operator in graph.all_operators:
        if operator.kind == "FULLY_CONNECTED" and len(operator.inputs) > 1:
            weights = graph.tensors[operator.inputs[1]]
            if weights.int4 and weights.scale is not None and weights.scale.size > 1:
                return _NOTE
    return ""


def unpacked(graph: Graph) -> bytes:
    """Return the file of `graph` in which all int4 constants are int8."""
    data = bytearray(graph.source)
    model = tflite.Model.GetRootAs(data, 0)
    for tensor in graph.tensors:
        if tensor.int4:
            subgraph, index = tensor.place
            table = model.Subgraphs(subgraph).Tensors(index)
            _set_type(data, table)
            _set_data(data, model.Buffers(table.Buffer()), np.asarray(tensor.data).tobytes())
    return bytes(data)


def _set_type(data: bytearray, tensor: tflite.Tensor) -> None:
    field = tensor._tab.Offset(_slot(1))
    data[tensor._tab.Pos + field] = tflite.TensorType.INT8


def _set_data(data: bytearray, buffer: tflite.Buffer, values: bytes) -> None:
    """Append `values` as a vector of bytes, and let `buffer` refer to it."""
    data += b"\0" * (-len(data) % 16 + 12)  # so that the values begin at a multiple of 16
    place = buffer._tab.Pos + buffer._tab.Offset(_slot(0))
    data[place : place + 4] = (len(data) - place).to_bytes(4, "little")
    data += len(values).to_bytes(4, "little") + values


def _slot(field: int) -> int:
    """Return where a table of a flatbuffer keeps the offset of its field."""
    return 4 + 2 * field
