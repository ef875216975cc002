"""Empties the subgraphs of other signatures, which TFLM prepares although nothing runs them.

It refuses a file for an operator in them, or crashes: a signature for float inputs beside that for
int8 is such a file.
"""

import tflite

from harness.model.graph import Graph

_OPERATORS = 4 + 2 * 3  # the field of a subgraph's operators in the vtable of its flatbuffer


def emptied(model: bytes, graph: Graph) -> bytes:
    """Return the `.tflite` file `model` of `graph`; subgraphs that it does not run are empty."""
    if not graph.others:
        return model
    data = bytearray(model) + b"\0" * (-len(model) % 4)
    none = len(data)
    data += b"\0\0\0\0"  # a vector without operators
    used = {0, *(part.number for part in graph.subgraphs)}
    file = tflite.Model.GetRootAs(data, 0)
    for number in set(range(file.SubgraphsLength())) - used:
        table = file.Subgraphs(number)._tab
        field = table.Offset(_OPERATORS)
        if field:
            place = table.Pos + field
            data[place : place + 4] = (none - place).to_bytes(4, "little")
    return bytes(data)
