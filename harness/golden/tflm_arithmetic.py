"""The operators that LiteRT's reference kernels compute otherwise than TFLM, in TFLM's arithmetic.

Everything here was measured: both interpreters ran each operator on the same inputs, over random
graphs (tests/unit/test_golden_litert.py). An operator that is in neither table was not compared.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from harness.engines.cmsis_nn import lookup_tables
from harness.engines.cmsis_nn.core_features import CoreFeatures, Extension
from harness.engines.cmsis_nn.layer import Layer, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.golden.rounding import TFLM, in_32_bits, recompute, twice
from harness.model.graph import Graph, Operator, Tensor
from harness.model.operator_options import (
    Activation,
    LeakyReluOptions,
    MulOptions,
)
from harness.model.quantized_multiplier import (
    ACTIVATION_BOUNDS,
    activation_range,
    add_parameters,
)

Array = np.ndarray[Any, Any]
Values = Mapping[int, Array]  # by the index of the tensor: inputs, constants, what is computed


def _fully_connected(graph: Graph, operator: Operator, values: Values) -> Array:
    return recompute(graph, operator, values, [TFLM])[TFLM]


def _mul(graph: Graph, operator: Operator, values: Values) -> Array:
    """Multiply. Source: TFLM mul_common.cc; the factor is computed in double."""
    first, second, result = _tensors(graph, operator)
    options = cast("MulOptions", operator.options)
    product = _centred(values, first) * _centred(values, second)
    clamp = _clamp(options.fused_activation_function, result)
    return _scaled(product, scale(first) * scale(second) / scale(result), result, clamp)


def _sum(graph: Graph, operator: Operator, values: Values) -> Array:
    """Add along axes. Source: TFLM reduce.h, QuantizedMeanOrSum."""
    source, axes, result = _tensors(graph, operator)
    rank = len(source.shape)
    along = tuple({int(axis) % rank for axis in values[axes.index].ravel()})
    total = _centred(values, source).sum(axis=along).reshape(result.shape)
    return _scaled(total, scale(source) / scale(result), result)


def _relu(graph: Graph, operator: Operator, values: Values) -> Array:
    """Rescale and clamp at 0. Source: TFLM activations_common.cc, CalculateReluOpData."""
    source, result = _tensors(graph, operator)
    clamp = _clamp(Activation.RELU, result)
    return _scaled(_centred(values, source), scale(source) / scale(result), result, clamp)


def _relu6(graph: Graph, operator: Operator, values: Values) -> Array:
    """Clamp the stored values only. Source: TFLM activations.cc, Relu6Quantized."""
    source, result = _tensors(graph, operator)
    greatest = _clamp(Activation.RELU6, source)[1]
    return np.clip(values[source.index], zero_point(source), greatest).reshape(result.shape)


def _leaky_relu(graph: Graph, operator: Operator, values: Values) -> Array:
    """Rescale with a slope for negative values. Source: TFLM leaky_relu_common.cc."""
    source, result = _tensors(graph, operator)
    alpha = cast("LeakyReluOptions", operator.options).alpha
    centred = _centred(values, source)
    identity, slope = (
        twice(centred, np.array([factor]))
        for factor in (
            scale(source) / scale(result),
            scale(source) * abs(alpha) / scale(result),
        )
    )
    chosen = np.where(centred >= 0, identity, slope if alpha >= 0 else -slope)
    return _stored(chosen, result)


def _quantize(graph: Graph, operator: Operator, values: Values) -> Array:
    """Convert float32 or integers. Source: TFLM reference/quantize.h and requantize.h."""
    source, result = _tensors(graph, operator)
    if source.dtype.kind != "f":
        return _scaled(_centred(values, source), scale(source) / scale(result), result)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = values[source.index] / np.float32(scale(result))
        whole = np.trunc(steps)
        nearest = whole + np.copysign(np.abs(steps - whole) >= np.float32(0.5), steps)
    # What does not fit counts as the least number, as on the x86 processors that run TFLM.
    fits = (steps >= -(2.0**31)) & (steps < 2.0**31)
    return _stored(np.where(fits, nearest, -(2.0**31)).astype(np.int64), result)


def _by_table(graph: Graph, operator: Operator, values: Values) -> Array:
    """Look up each byte in the table that the engine cmsis-nn makes with TFLM's arithmetic."""
    source, result = _tensors(graph, operator)
    view = OperatorView(graph, operator, defaultdict(str), CoreFeatures(Extension.NONE))
    layer = TABLES[operator.kind](view)
    stored = values[source.index].reshape(result.shape)
    return layer.arrays[0].values[stored.view(np.uint8)] if layer.arrays else stored


TABLES: Mapping[str, Callable[[OperatorView], Layer]] = {
    "HARD_SWISH": lookup_tables.hard_swish,
    "LOGISTIC": lookup_tables.logistic,
    "TANH": lookup_tables.tanh,
}
"""Operators whose bytes the engine cmsis-nn makes, so golden does not check it there."""


@dataclass(frozen=True)
class Family:
    """How LiteRT's reference kernel of an operator differs, and the function with TFLM's bytes.

    LiteRT refuses what TFLM refuses, such as a bias with a scale of its own, so its checks count
    even if it does not compute the operator.
    """

    difference: str
    compute: Callable[[Graph, Operator, Values], Array]
    activations: str = "int8"  # types of the tensors that are not constants
    checked_by_litert: bool = True
    scaled_inputs: int = 0  # how many inputs' scales are in the factor


FAMILIES: Mapping[str, Family] = {
    "FULLY_CONNECTED": Family(
        "rounds once, where TFLM rounds twice", _fully_connected, scaled_inputs=2
    ),
    # Its factors have 16 bits: only scales that lie close to a tie show the difference.
    "HARD_SWISH": Family("computes its factor in float32, where TFLM uses double", _by_table),
    "LEAKY_RELU": Family(
        "computes its factor in float32, where TFLM uses double", _leaky_relu, scaled_inputs=1
    ),
    "LOGISTIC": Family("uses a table made in float32, where TFLM uses fixed point", _by_table),
    "MUL": Family("computes its factor in float32, where TFLM uses double", _mul, scaled_inputs=2),
    "QUANTIZE": Family(
        "refuses some pairs of types, and its result for NaN and large values depends on the "
        "processor",
        _quantize,
        "int8 uint8 int16 int32 float32",
        checked_by_litert=False,
        scaled_inputs=1,
    ),
    "RELU": Family(
        "computes its factor in float32, where TFLM uses double", _relu, scaled_inputs=1
    ),
    "RELU6": Family("rescales, where TFLM only clamps the stored values", _relu6),
    "SUM": Family("applies scales and zero points otherwise than TFLM", _sum, scaled_inputs=1),
    "TANH": Family("uses a table made in float32, where TFLM uses fixed point", _by_table),
}
"""Operators whose bytes may differ."""

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


def _tensors(graph: Graph, operator: Operator) -> list[Tensor]:
    return [graph.tensors[index] for index in (*operator.inputs, *operator.outputs)]


def _centred(values: Values, tensor: Tensor) -> Array:
    return in_32_bits(values[tensor.index].astype(np.int64) - zero_point(tensor))


def _clamp(activation: Activation, result: Tensor) -> tuple[int, int]:
    return activation_range(activation, scale(result), zero_point(result))


def _scaled(
    numbers: Array, factor: float, result: Tensor, clamp: tuple[int, int] | None = None
) -> Array:
    """Return `numbers` times `factor`, rounded twice, as values of `result`."""
    return _stored(twice(numbers, np.array([factor])), result, clamp)


def _stored(steps: Array, result: Tensor, clamp: tuple[int, int] | None = None) -> Array:
    """Return `steps` from the zero point of `result` as its values, clamped to its type."""
    limits = np.iinfo(result.dtype)
    numbers = in_32_bits(steps + zero_point(result))
    least, greatest = clamp or (int(limits.min), int(limits.max))
    return np.clip(numbers, least, greatest).astype(result.dtype).reshape(result.shape)
