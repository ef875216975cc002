"""The operators that LiteRT's reference kernels compute otherwise than TFLM, in TFLM's arithmetic.

Everything here was measured: both interpreters ran each operator on the same inputs, over random
graphs (tests/unit/test_golden_litert.py). `proven_operators` says which operators were compared.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from harness.engines.cmsis_nn import lookup_tables
from harness.engines.cmsis_nn.core_features import CoreFeatures, Extension
from harness.engines.cmsis_nn.layer import Layer, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.golden.rounding import TFLM, in_32_bits, recompute, twice
from harness.model.graph import Graph, Operator, Tensor
from harness.model.operator_options import Activation, FusedOptions, LeakyReluOptions
from harness.model.quantized_multiplier import activation_range

Array = np.ndarray[Any, Any]
Values = Mapping[int, Array]  # by the index of the tensor: inputs, constants, what is computed


def _fully_connected(graph: Graph, operator: Operator, values: Values) -> Array:
    return recompute(graph, operator, values, [TFLM])[TFLM]


def _mul(graph: Graph, operator: Operator, values: Values) -> Array:
    """Multiply. Source: TFLM mul_common.cc; the factor is computed in double."""
    first, second, result = _tensors(graph, operator)
    options = cast("FusedOptions", operator.options)
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
