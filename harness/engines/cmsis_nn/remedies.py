"""What a user can do about a layer that the engine refuses."""

from harness.model.graph import Graph, Operator

CONVERT_AGAIN = "convert the model again; the file contradicts itself"
FULL_INTEGER = "convert to full-integer int8, including the model's input and output"
QUANTIZE_AGAIN = "quantize the network again, with data as representative as the device's own"


def best_remedy(graph: Graph, operator: Operator) -> str:
    """Return what helps if nothing better is known, and is not done already."""
    used = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
    types = sorted({str(tensor.dtype) for tensor in used} - {"int8", "int32", "bool"})
    ends = {str(tensor.dtype) for tensor in (*graph.input_tensors, *graph.output_tensors)}
    if types and ends != {"int8"}:
        return FULL_INTEGER
    if types:
        return (
            f"the converter left this layer in {' and '.join(types)}: use layers that it can "
            "quantize"
        )
    return "change this layer in the network, and convert it again"
