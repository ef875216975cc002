"""Finds the first wrong layer: a traced image runs one vector, and its layers are compared."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from harness.errors import InfrastructureError
from harness.golden import oracle
from harness.link.link_client import LinkClient
from harness.link.messages import REBUILD, LayerOutput
from harness.measure.first_difference import difference
from harness.measure.float_tolerance import settled
from harness.measure.layer_difference import LayerDifference
from harness.model.folder import Model
from harness.model.graph import Graph, Operator
from harness.model.tensor_block import pack, unpack

Array = np.ndarray[Any, Any]


def first_difference(
    link: LinkClient,
    model: Model,
    graph: Graph,
    vector: int,
    inputs: Sequence[Array],
    answer: Sequence[Array],
) -> LayerDifference:
    """Return the first layer of `graph` that differs from golden for one vector.

    `link` is a session with a traced image. `inputs` has an array for each input of the model: of
    vector number `vector` and, if the model has a state, of those before it in its recording. Then
    the layer is that of the first vector in which any differs: it has spoilt the state. `answer` is
    the measured image's outputs for `vector`. Raises `HarnessError` with the reason if no
    layer can be named.
    """
    shaped = [
        values.reshape(len(values), *tensor.shape)
        for values, tensor in zip(inputs, graph.input_tensors, strict=True)
    ]
    where = str(model.tflite_path)
    every = oracle.layers(model.tflite, shaped, where=where)
    every |= dict(zip(graph.inputs, shaped, strict=True))
    count = len(shaped[0])
    for place, each in enumerate(zip(*inputs, strict=True)):
        data = pack(graph.input_tensors, each)
        outputs, result = link.trace(data)
        if place == count - 1:
            check_same_answer(unpack(graph.output_tensors, result.output), answer, "traced")
        _check_outputs(outputs, graph)
        values = {index: value[place] for index, value in every.items()}
        for operator, output, ours in _different(graph, outputs, values):
            content = _fetch(link, data, operator.index, output, ours)
            if not _is_rounding(graph, content, values[operator.outputs[output]]):
                number = vector - (count - 1 - place)
                return difference(graph, operator, output, values, content, number)
    source = oracle.source(model.tflite, where=where)
    raise InfrastructureError(
        f"every layer agrees with the current results of {source}",
        where=str(model.vectors_path),
        remedy="does its `golden` belong to this model? If it was trained again: "
        f"harness models golden {model.name} --replace",
    )


def _different(
    graph: Graph, outputs: Sequence[LayerOutput], values: Mapping[int, Array]
) -> Iterator[tuple[Operator, int, int]]:
    """Yield the operators, their output and the CRC of that, which are not of `values`."""
    crcs = {(traced.layer, traced.output): traced.crc for traced in outputs}
    for operator in graph.operators:
        for output, index in enumerate(operator.outputs):
            # An operator that the engine computed at build time has no traced output.
            ours = crcs.get((operator.index, output))
            if ours is None or index not in values:
                continue
            if ours != zlib.crc32(np.ascontiguousarray(values[index]).tobytes()):
                yield operator, output, ours


def _is_rounding(graph: Graph, content: bytes, golden: Array) -> bool:
    """Tell whether `content` are floats that count as equal to golden."""
    if golden.dtype != np.float32:
        return False
    ours = np.frombuffer(content, np.float32).reshape(golden.shape)
    return settled([ours[None]], [golden[None]], graph)[0].tobytes() == golden.tobytes()


def _check_outputs(outputs: Sequence[LayerOutput], graph: Graph) -> None:
    """Raise `InfrastructureError` unless `outputs` are outputs of layers of `graph`."""
    if not outputs:
        raise InfrastructureError("the device sent no layer outputs")
    sizes = {
        (operator.index, output): graph.tensors[index].nbytes
        for operator in graph.operators
        for output, index in enumerate(operator.outputs)
    }
    for traced in outputs:
        size = sizes.get((traced.layer, traced.output))
        if traced.size != size:
            raise InfrastructureError(
                f"LAYER: output {traced.output} of layer {traced.layer} has {traced.size:,} bytes; "
                + ("the model has no such output" if size is None else f"the model's has {size:,}"),
                remedy=REBUILD,
            )


def check_same_answer(
    outputs: Sequence[Array], answer: Sequence[Array], variant: str, where: str = ""
) -> None:
    """Raise `InfrastructureError` if a variant of the image gives other `outputs` than `answer`."""
    if [array.tobytes() for array in outputs] != [array.tobytes() for array in answer]:
        raise InfrastructureError(
            f"the {variant} image gives different outputs than the measured image",
            where=where,
            remedy="does the model, or an interrupt, write outside its memory?",
        )


def _fetch(link: LinkClient, data: bytes, layer: int, output: int, crc: int) -> bytes:
    """Return the bytes of an output, which must have the `crc` of the trace just before."""
    link.go_back()
    for traced in link.trace(data, layer)[0]:
        if (traced.layer, traced.output) == (layer, output):
            if zlib.crc32(traced.data) == crc:
                return traced.data
            break
    raise InfrastructureError(f"the output of layer {layer} changes from run to run")
