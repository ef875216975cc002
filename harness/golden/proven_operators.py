"""Which operators of LiteRT were compared with TFLM, and for which types, weights and scales.

An operator that is in no table was not compared.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.engines.cmsis_nn.layer import scale, zero_point
from harness.golden.tflm_arithmetic import FAMILIES
from harness.model.graph import Graph, Operator, Tensor
from harness.model.operator_options import Activation, LeakyReluOptions
from harness.model.quantized_multiplier import ACTIVATION_BOUNDS, add_parameters

EQUAL: Mapping[str, str] = {
    "ADD": "int8",
    "ARG_MAX": "int8 int32",
    "ARG_MIN": "int8 int32",
    "AVERAGE_POOL_2D": "int8",
    "BATCH_MATMUL": "int8",
    "BATCH_TO_SPACE_ND": "int8 float32",
    "CONCATENATION": "int8 int16 int32 float32 bool",
    "CONV_2D": "int8",
    "DEPTHWISE_CONV_2D": "int8",
    "DEPTH_TO_SPACE": "int8 float32",
    "DEQUANTIZE": "int8 uint8 float32",
    "DYNAMIC_UPDATE_SLICE": "int8 int32",
    "EMBEDDING_LOOKUP": "int8 int32 float32",
    "EXPAND_DIMS": "int8 int16 float32",
    "GATHER": "int8 int32 float32",
    "GATHER_ND": "int8 int32 float32",
    "MAXIMUM": "int8",
    "MAX_POOL_2D": "int8",
    "MEAN": "int8",
    "MINIMUM": "int8",
    "MIRROR_PAD": "int8 float32",
    "PACK": "int8 int16 int32 float32",
    "PAD": "int8 int16 int32 float32",
    "PADV2": "int8 int16 int32 float32",
    "REDUCE_MAX": "int8",
    "REDUCE_MIN": "int8",
    "RESHAPE": "int8 int16 int32 float32 bool",
    "RESIZE_BILINEAR": "int8",
    "RESIZE_NEAREST_NEIGHBOR": "int8 int16 float32",
    "REVERSE_V2": "int8 int16 int32 float32 bool",
    "SHAPE": "int8 int32",
    "SLICE": "int8 int16 int32 float32 bool",
    "SOFTMAX": "int8",
    "SPACE_TO_DEPTH": "int8 float32",
    "SPLIT": "int8 int16 int32 float32",
    "SPLIT_V": "int8 int16 int32 float32",
    "SQUEEZE": "int8 int16 int32 float32 bool",
    "STRIDED_SLICE": "int8 int16 int32 float32 bool",
    "SUB": "int8",
    "TILE": "int8 float32",
    "TRANSPOSE": "int8 int16 float32",
    "TRANSPOSE_CONV": "int8",
    "UNPACK": "int8 int16 int32 float32",
}
"""Operators whose bytes were always equal, and the types of the tensors that are not constants."""

WITHOUT_TFLM: Mapping[str, str] = {"GELU": "int8"}
"""Operators that TFLM has no kernel for: golden is what LiteRT's reference kernel computes."""


_POOLS = {"AVERAGE_POOL_2D", "MAX_POOL_2D"}
_ADDITIONS = {"ADD", "SUB"}
_WEIGHTED = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"}
_MAX_FACTOR = 2**31 - 1  # above it, TFLM shifts by 32 bits or more, which C leaves undefined


def unproven(graph: Graph) -> str:
    """Return the first operator for which TFLM's bytes are not certain; "" if there is none."""
    if graph.variables:
        return "the network keeps a state between inferences, which was not compared with TFLM"
    for operator in graph.operators:
        reason = _unproven(graph, operator)
        if reason:
            return f"operator {operator.index} ({operator.kind}) {reason}"
    return ""


def _unproven(graph: Graph, operator: Operator) -> str:
    """Return why the operator is not certain. Nothing of it was checked before."""
    family = FAMILIES.get(operator.kind)
    types = family.activations if family else {**EQUAL, **WITHOUT_TFLM}.get(operator.kind, "")
    if not types:
        return "was not compared with TFLM"
    tensors = [graph.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
    for tensor in tensors:
        if tensor.data is None and str(tensor.dtype) not in types.split():
            return f"was not compared with TFLM for {tensor.dtype}"
        scaled = tensor.dtype == np.int8 or (
            family is not None and tensor.data is None and tensor.dtype.kind != "f"
        )
        if scaled and (tensor.scale is None or not tensor.scale.all()):
            return "has a tensor without a scale"
    return _unproven_detail(graph, operator, tensors) or _unproven_scales(operator, tensors)


def _unproven_detail(graph: Graph, operator: Operator, tensors: Sequence[Tensor]) -> str:
    fused = getattr(operator.options, "fused_activation_function", Activation.NONE)
    if fused not in ACTIVATION_BOUNDS:
        return f"was not compared with TFLM for the fused activation {fused.name}"
    if operator.kind in _POOLS and len({(scale(each), zero_point(each)) for each in tensors}) > 1:
        return "has an output with a scale of its own, which TFLM refuses"
    weights = [graph.tensors[index] for index in operator.inputs[1:2]]
    if operator.kind in _WEIGHTED and any(
        each.data is None or np.any(each.zero_point) for each in weights
    ):
        return "was not compared with TFLM for weights that are computed or have a zero point"
    if operator.kind in _WEIGHTED and any(each.dtype != np.int8 or each.int4 for each in weights):
        return "was not compared with TFLM for weights other than int8"
    outputs = [graph.tensors[index] for index in operator.outputs]
    if operator.kind == "QUANTIZE" and any(each.dtype.kind == "f" for each in outputs):
        return "writes float32, which TFLM refuses"
    return ""


def _unproven_scales(operator: Operator, tensors: Sequence[Tensor]) -> str:
    if operator.kind in _ADDITIONS and len(tensors) == 3:  # noqa: PLR2004 - the inputs and the output
        try:
            first, second, result = map(scale, tensors)
            add_parameters(first, second, result)
        except ValueError as error:
            return f"ends TFLM: {error}"
    family = FAMILIES.get(operator.kind)
    if family and family.scaled_inputs and tensors:
        factor = np.prod([_greatest_scale(each) for each in tensors[: family.scaled_inputs]])
        if isinstance(operator.options, LeakyReluOptions):
            factor *= max(1.0, abs(operator.options.alpha))
        if not factor <= _MAX_FACTOR * scale(tensors[-1]):
            return "has scales that are too far apart: its factor does not fit into 32 bits"
    return ""


def _greatest_scale(tensor: Tensor) -> float:
    return 0.0 if tensor.scale is None else float(tensor.scale.max())


def families_in(graph: Graph) -> list[str]:
    """Return the kinds of operators of `graph` whose bytes are computed here."""
    return sorted({operator.kind for operator in graph.operators} & FAMILIES.keys())
