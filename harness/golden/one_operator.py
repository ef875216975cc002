"""Cuts a network into models of one operator each, for an interpreter that runs them alone."""

import copy
import struct
from typing import Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np

from harness.model.graph import Graph, Operator

_BIAS = 2  # its position among the inputs of CONV_2D
_INT32 = 2  # schema `TensorType`


class SingleOperators:
    """The operators of a `.tflite` file, each as a `.tflite` file of its own."""

    def __init__(self, model: bytes, graph: Graph) -> None:
        # Imported late: only the process that computes golden outputs has the package.
        from ai_edge_litert import schema_py_generated as schema  # noqa: PLC0415

        self._schema = schema
        try:
            self._model = schema.ModelT.InitFromPackedBuf(model, 0)
        except (struct.error, IndexError, TypeError) as error:  # as in tflite_file
            raise ValueError(f"the file is damaged: {error}") from error
        self._graph = graph

    def model_of(self, operator: Operator) -> tuple[bytes, list[int]]:
        """Return the model of `operator`, and the tensors of the network that are its inputs."""
        single = copy.copy(self._model.subgraphs[0].operators[operator.index])
        inputs = list(operator.inputs)
        if operator.kind == "RESHAPE":
            self._fix_shape(single, self._graph.tensors[operator.outputs[0]].shape)
            del inputs[1:]
        used = list(dict.fromkeys(i for i in (*inputs, *operator.outputs) if i >= 0))
        position = {index: place for place, index in enumerate(used)} | {-1: -1}
        buffers = [self._schema.BufferT()]
        tensors = [self._tensor(index, buffers) for index in used]
        single.inputs = [position[index] for index in inputs]
        single.outputs = [position[index] for index in operator.outputs]
        if operator.kind == "CONV_2D" and max(inputs[_BIAS:], default=-1) < 0:
            self._add_bias(single, operator, tensors, buffers)
        sources = [
            index
            for index in dict.fromkeys(inputs)
            if index >= 0 and self._graph.tensors[index].data is None
        ]
        subgraph = self._schema.SubGraphT()
        subgraph.tensors, subgraph.operators = tensors, [single]
        subgraph.inputs = [position[index] for index in sources]
        subgraph.outputs = single.outputs
        return self._pack(single, subgraph, buffers), sources

    def _tensor(self, index: int, buffers: list[Any]) -> Any:
        """Return tensor `index` with a fixed shape; its constant is appended to `buffers`."""
        original = self._model.subgraphs[0].tensors[index]
        tensor = copy.copy(original)
        tensor.shape = list(self._graph.tensors[index].shape)
        tensor.shapeSignature = None
        tensor.buffer = 0
        if self._graph.tensors[index].data is not None:
            buffers.append(self._model.buffers[original.buffer])
            tensor.buffer = len(buffers) - 1
        return tensor

    def _fix_shape(self, single: Any, shape: tuple[int, ...]) -> None:
        """Give RESHAPE the output's shape, as TFLM does, whatever its own input states."""
        single.builtinOptionsType = self._schema.BuiltinOptions.ReshapeOptions
        single.builtinOptions = self._schema.ReshapeOptionsT()
        single.builtinOptions.newShape = list(shape)

    def _add_bias(
        self, single: Any, operator: Operator, tensors: list[Any], buffers: list[Any]
    ) -> None:
        """Add a bias of zeros to a CONV_2D without one, which LiteRT refuses."""
        source, weights = (self._graph.tensors[index] for index in operator.inputs[:_BIAS])
        channels = self._graph.tensors[operator.outputs[0]].shape[-1]
        bias = self._schema.TensorT()
        bias.name, bias.shape, bias.type = "bias", [channels], _INT32
        bias.quantization = self._schema.QuantizationParametersT()
        bias.quantization.scale = (np.asarray(source.scale) * np.asarray(weights.scale)).tolist()
        bias.quantization.zeroPoint = [0] * len(bias.quantization.scale)
        buffer = self._schema.BufferT()
        buffer.data = np.zeros(4 * channels, np.uint8)
        buffers.append(buffer)
        bias.buffer = len(buffers) - 1
        tensors.append(bias)
        single.inputs = [*single.inputs[:_BIAS], len(tensors) - 1]

    def _pack(self, single: Any, subgraph: Any, buffers: list[Any]) -> bytes:
        model = self._schema.ModelT()
        model.version = self._model.version
        model.operatorCodes = [self._model.operatorCodes[single.opcodeIndex]]
        single.opcodeIndex = 0
        model.subgraphs, model.buffers = [subgraph], buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
