"""Random graphs around one operator with weights of int4."""

import numpy as np
import tflite

from tests.support.graphs import SAME, VALID, Builder, Pick
from tests.support.operator_parts import Ends, Make, activation


def pack(b: Builder, index: int) -> None:
    """Make an int4 tensor of constant `index`: of each value, its upper four bits."""
    tensor = b.tensors[index]
    values = np.frombuffer(b.buffers[tensor.buffer], np.uint8) >> 4
    pairs = np.append(values, np.zeros(len(values) % 2, np.uint8)).reshape(-1, 2)
    b.buffers[tensor.buffer] = (pairs[:, 0] | pairs[:, 1] << 4).astype(np.uint8).tobytes()
    tensor.dtype = tflite.TensorType.INT4
    tensor.scale = [16 * each for each in tensor.scale]


def make(kind: str) -> Make:
    def graph(b: Builder, pick: Pick) -> Ends:
        source = activation(b, (1, pick(1, 7), pick(1, 7), pick(1, 9)), pick)
        window, padding = (pick(1, 3), pick(1, 3)), (SAME, VALID)[pick(0, 1)]
        if any(w > s for w, s in zip(window, b.shape(source)[1:3], strict=True)):
            padding = SAME
        per_channel = bool(pick(0, 1))
        if kind == "CONV_2D":
            result = b.conv_2d(source, pick(1, 9), window, padding=padding, per_channel=per_channel)
        elif kind == "DEPTHWISE_CONV_2D":
            result = b.depthwise(
                source, pick(1, 2), window, padding=padding, per_channel=per_channel
            )
        else:
            result = b.dense(
                source,
                pick(1, 9),
                bias=bool(pick(0, 2)),
                activation=pick(0, 3),
                per_channel=per_channel,
            )
        weights, bias = (*b.operators[-1][1][1:], -1)[:2]
        pack(b, weights)
        if bias >= 0:
            b.tensors[bias].scale = [16 * each for each in b.tensors[bias].scale]
        return source, result

    return graph


MAKERS: dict[str, Make] = {
    kind: make(kind) for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
}
