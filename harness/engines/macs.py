"""Multiply-accumulates of a layer, computed from the shapes of its tensors."""

from math import prod

from harness.model.graph import Graph, Operator


def macs_of(graph: Graph, operator: Operator) -> int:
    """Return the multiply-accumulates per inference; 0 for a layer without weights.

    Weights have TensorFlow Lite's layouts: [out, height, width, in], depthwise
    [1, height, width, out], dense [out, in].
    """
    tensors = graph.tensors
    match operator.kind:
        case "CONV_2D":
            return tensors[operator.outputs[0]].elements * prod(
                tensors[operator.inputs[1]].shape[1:]
            )
        case "DEPTHWISE_CONV_2D":
            _, height, width, _ = tensors[operator.inputs[1]].shape
            return tensors[operator.outputs[0]].elements * height * width
        case "FULLY_CONNECTED":
            return tensors[operator.outputs[0]].elements * tensors[operator.inputs[1]].shape[-1]
        case "TRANSPOSE_CONV":
            return tensors[operator.inputs[2]].elements * prod(
                tensors[operator.inputs[1]].shape[:3]
            )
        case _:
            return 0
