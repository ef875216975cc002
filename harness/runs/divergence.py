"""Which layer goes wrong: a traced image runs one vector on the board, beside golden."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.errors import InfrastructureError
from harness.golden import tflm_golden
from harness.link.link_client import LinkClient
from harness.measure.layer_difference import LayerDifference, difference
from harness.model.folder import Model
from harness.model.graph import Graph
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

    `link` is a session with a traced image. `inputs` are vector number `vector`, an array for
    each input, and `answer` what the measured image gave for it. Raises `HarnessError` if no
    layer can be named; it says why.
    """
    shaped = [
        values.reshape(tensor.shape)
        for values, tensor in zip(inputs, graph.input_tensors, strict=True)
    ]
    where = str(model.tflite_path)
    values = tflm_golden.layers(model.tflite, [array[None] for array in shaped], where=where)
    values |= dict(zip(graph.inputs, shaped, strict=True))
    data = pack(graph.input_tensors, inputs)
    outputs, result = link.trace(data)
    again = unpack(graph.output_tensors, result.output)
    if [array.tobytes() for array in again] != [array.tobytes() for array in answer]:
        raise InfrastructureError(
            "the image that tells of its layers answers otherwise than the one that was measured",
            remedy="does the model, or an interrupt, write where it should not?",
        )
    if not outputs:
        raise InfrastructureError("the device told of no layer")
    crcs = {(found.layer, found.output): found.crc for found in outputs}
    for operator in graph.operators:
        for place, index in enumerate(operator.outputs):
            # An engine may have computed an operator when it generated the code.
            ours = crcs.get((operator.index, place))
            wanted = zlib.crc32(np.ascontiguousarray(values[index]).tobytes())
            if ours is not None and ours != wanted:
                found = _fetch(link, data, operator.index, place, ours)
                return difference(graph, operator, place, values, found, vector)
    raise InfrastructureError(
        f"every layer agrees with {tflm_golden.version()} as it computes now",
        where=str(model.vectors_path),
        remedy="is its `golden` of this model? Without that array it is computed anew",
    )


def _fetch(link: LinkClient, data: bytes, layer: int, output: int, crc: int) -> bytes:
    """Return the bytes of an output, of which the device said before that they have `crc`."""
    for found in link.trace(data, layer)[0]:
        if (found.layer, found.output) == (layer, output):
            if zlib.crc32(found.data) == crc:
                return found.data
            break
    raise InfrastructureError(f"layer {layer} has another output each time")
