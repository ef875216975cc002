"""What a user can do about a layer that the engine refuses."""

import numpy as np

from harness.model.graph import Graph, Operator
from harness.model.network_kind import FULL_INTEGER

CONVERT_AGAIN = "convert the model again; the file contradicts itself"
FIX_THE_BATCH = (
    "convert the model with a fixed batch: keras.Input(shape=..., batch_size=1). Without one, the "
    "converter writes 1 for each size that it does not know"
)
QUANTIZE_AGAIN = "quantize the network again, with data as representative as the device's own"


def best_remedy(graph: Graph, operator: Operator) -> str:
    """Return what helps if nothing better is known, and is not done already."""
    used = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
    types = sorted({str(tensor.dtype) for tensor in used} - {"int8", "int32", "bool"})
    if types == ["int64"]:
        return "use int32 in the place of int64 when you make the model"
    if types and not _is_int8(graph):
        return FULL_INTEGER
    if types:
        return (
            f"the converter left this layer in {' and '.join(types)}: use layers that it can "
            "quantize"
        )
    return "change this layer in the network, and convert it again"


def _is_int8(graph: Graph) -> bool:
    """Return whether the network is quantized to int8 at its ends, or computes in int8."""
    ends = {str(tensor.dtype) for tensor in (*graph.input_tensors, *graph.output_tensors)}
    computed = (index for each in graph.all_operators for index in each.outputs)
    return ends == {"int8"} or any(graph.tensors[i].dtype == np.int8 for i in computed)
