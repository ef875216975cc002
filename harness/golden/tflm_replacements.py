"""Replaces TILE, for which TFLM has no kernel, by GATHER, which can copy the same values.

A converter makes TILE of Keras's nearest UpSampling2D and RepeatVector. It only copies, so its
output is certain without a kernel of TFLM.
"""

import copy
import struct
from collections.abc import Iterator
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np

from harness.model.graph import Graph, Operator, Subgraph


def with_tflms_kernels(model: bytes, graph: Graph) -> bytes:
    """Return the `.tflite` file `model` without TILE. Tensors keep their index.

    Raises `ValueError` if the file is damaged.
    """
    # Imported late: only the process that computes golden outputs has the package.
    from tflite_micro.tensorflow.lite.micro.python import (  # noqa: PLC0415
        schema_py_generated as schema,
    )

    try:
        whole = schema.ModelT.InitFromPackedBuf(model, 0)
    except (struct.error, IndexError, TypeError) as error:  # as in tflite_file
        raise ValueError(f"the file is damaged: {error}") from error
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.GATHER
    code.version = 1
    whole.operatorCodes.append(code)
    main = Subgraph(0, graph.operators, graph.inputs, graph.outputs)
    for part in (main, *graph.subgraphs):
        subgraph = whole.subgraphs[part.number]
        subgraph.operators = [
            new
            for operator, old in zip(part.operators, list(subgraph.operators), strict=True)
            for new in (
                _gathers(schema, whole, graph, operator) if operator.kind == "TILE" else [old]
            )
        ]
    builder = flatbuffers.Builder(1024)
    builder.Finish(whole.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def note(graph: Graph) -> str:
    """Return what TFLM computes with other operators, for the golden source; "" is nothing."""
    return "TILE by GATHER" if "TILE" in {operator.kind for operator in graph.all_operators} else ""


def _gathers(schema: Any, whole: Any, graph: Graph, operator: Operator) -> Iterator[Any]:
    """Yield a GATHER for each axis that is repeated, at least one."""
    number, source = graph.tensors[operator.inputs[0]].place
    subgraph = whole.subgraphs[number]
    _, result = graph.tensors[operator.outputs[0]].place
    multiples = graph.tensors[operator.inputs[1]].data
    if multiples is None:
        raise ValueError("the multiples of a TILE are computed")
    repeated = [(axis, m) for axis, m in enumerate(multiples.ravel().tolist()) if m != 1]
    sizes = list(graph.tensors[operator.inputs[0]].shape)
    for axis, multiple in repeated or [(0, 1)]:
        indices = np.tile(np.arange(sizes[axis], dtype=np.int32), multiple)
        sizes[axis] *= multiple
        last = (axis, multiple) == (repeated or [(0, 1)])[-1]
        target = result if last else _tensor(subgraph, source, sizes)
        new = schema.OperatorT()
        new.opcodeIndex = len(whole.operatorCodes) - 1
        new.builtinOptionsType = schema.BuiltinOptions.GatherOptions
        new.builtinOptions = schema.GatherOptionsT()
        new.builtinOptions.axis = axis
        new.inputs, new.outputs = [source, _constant(schema, whole, subgraph, indices)], [target]
        yield new
        source = target


def _tensor(subgraph: Any, like: int, sizes: list[int]) -> int:
    """Add a tensor of the type and scale of tensor `like`."""
    tensors = subgraph.tensors
    tensor = copy.copy(tensors[like])
    tensor.shape, tensor.shapeSignature, tensor.buffer = list(sizes), None, 0
    tensors.append(tensor)
    return len(tensors) - 1


def _constant(schema: Any, whole: Any, subgraph: Any, values: np.ndarray[Any, Any]) -> int:
    """Add a constant vector of int32."""
    buffer = schema.BufferT()
    buffer.data = values.view(np.uint8)
    whole.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = "indices", [values.size], schema.TensorType.INT32
    tensor.buffer = len(whole.buffers) - 1
    subgraph.tensors.append(tensor)
    return len(subgraph.tensors) - 1
