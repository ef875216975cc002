"""The ways to round a scaled sum to int8; TFLM's is one of them.

The output of a CONV_2D, DEPTHWISE_CONV_2D or FULLY_CONNECTED is recomputed from its inputs in
each way. An output that differs from golden but equals another way in every byte uses that
way's rounding; nothing is concluded from partial matches.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, cast

import numpy as np

from harness.engines.cmsis_nn.layer import scale, zero_point
from harness.engines.cmsis_nn.window import WindowAxis, window_axis
from harness.model.graph import Graph, Operator, Tensor
from harness.model.operator_options import (
    Conv2DOptions,
    FullyConnectedOptions,
)
from harness.model.quantized_multiplier import activation_range, product_multiplier

Array = np.ndarray[Any, Any]
_Ints = np.ndarray[Any, np.dtype[np.int64]]


def twice(sums: _Ints, scales: Array) -> _Ints:
    """Scale like gemmlowp: a rounded high product, then a rounded shift.

    Source: gemmlowp fixedpoint.h, SaturatingRoundingDoublingHighMul and RoundingDivideByPOT.
    """
    factors, shifts = _factors(scales)
    product = in_32_bits(sums << np.maximum(shifts, 0)) * factors
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -(-nudged >> 31))  # C divides towards zero
    exponent = np.maximum(-shifts, 0)
    mask = (1 << exponent) - 1
    above = (high & mask) > (mask >> 1) + (high < 0)
    return np.asarray((high >> exponent) + above)


def once(sums: _Ints, scales: Array) -> _Ints:
    """Scale like TFLite's reference kernels: one rounded shift of the whole product.

    Source: tensorflow/lite/kernels/internal/common.cc, MultiplyByQuantizedMultiplier.
    """
    factors, shifts = _factors(scales)
    total = 31 - shifts
    return np.asarray((sums * factors + (1 << (total - 1))) >> total)


def in_float(sums: _Ints, scales: Array) -> _Ints:
    """Scale like XNNPACK: in float32, to the nearest, ties to even.

    Source: XNNPACK src/qs8-requantization/fp32-scalar-lrintf.c.
    """
    return np.rint(sums.astype(np.float32) * scales.astype(np.float32)).astype(np.int64)


TFLM = "double rounding, as gemmlowp and TFLM"
WAYS: Mapping[str, Callable[[_Ints, Array], _Ints]] = {
    TFLM: twice,
    "single rounding, as TFLite's reference kernels": once,
    "rounding in float, as XNNPACK": in_float,
}


def in_32_bits(values: _Ints) -> _Ints:
    """Return `values` as a C program keeps them in an int32_t: they wrap around."""
    return values.astype(np.int32).astype(np.int64)


def recompute(
    graph: Graph,
    operator: Operator,
    values: Mapping[int, Array],
    ways: Collection[str] = WAYS.keys(),
) -> dict[str, Array]:
    """Return the output of `operator` in each of `ways`; empty for other kinds of operators.

    `values` are the computed tensors and the graph's inputs, by index.
    """
    sum_products = _SUMS.get(operator.kind)
    if sum_products is None or not _is_int8(graph, operator):
        return {}
    source, weights = (graph.tensors[index] for index in operator.inputs[:2])
    result = graph.tensors[operator.outputs[0]]
    shifted = values[source.index].astype(np.int64) - zero_point(source)
    centred = np.asarray(weights.data, np.int64) - _weights_zero_point(operator, weights)
    sums = sum_products(shifted, centred, operator, result)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:  # noqa: PLR2004 - a bias
        sums = sums + np.asarray(graph.tensors[operator.inputs[2]].data, np.int64).ravel()
    sums = in_32_bits(sums)
    scales = scale(source) * np.asarray(weights.scale, np.float64) / scale(result)
    options = cast("Conv2DOptions | FullyConnectedOptions", operator.options)
    clamp = activation_range(options.fused_activation_function, scale(result), zero_point(result))
    return {
        name: np.clip(way(sums, scales) + zero_point(result), *clamp)
        .astype(np.int8)
        .reshape(result.shape)
        for name, way in WAYS.items()
        if name in ways
    }


def _factors(scales: Array) -> tuple[_Ints, _Ints]:
    pairs = [product_multiplier(float(scale), 1.0, 1.0) for scale in scales]
    return np.array([p.value for p in pairs], np.int64), np.array([p.shift for p in pairs])


def _is_int8(graph: Graph, operator: Operator) -> bool:
    tensors = [graph.tensors[index] for index in (*operator.inputs[:2], *operator.outputs)]
    return all(tensor.dtype == np.int8 and tensor.scale is not None for tensor in tensors)


def _weights_zero_point(operator: Operator, weights: Tensor) -> int:
    """Return the zero point that TFLM subtracts; it ignores that of a scale per channel."""
    one_scale = weights.scale is None or weights.scale.size == 1
    return zero_point(weights) if operator.kind == "FULLY_CONNECTED" and one_scale else 0


def _dense(source: _Ints, weights: _Ints, operator: Operator, result: Tensor) -> _Ints:
    del operator, result
    return source.reshape(-1, weights.shape[1]) @ weights.T


def _convolution(source: _Ints, weights: _Ints, operator: Operator, result: Tensor) -> _Ints:
    return _windows(source, weights, operator, result, lambda part, w: part @ w.T)


def _depthwise(source: _Ints, weights: _Ints, operator: Operator, result: Tensor) -> _Ints:
    repeated = np.repeat(source, weights.shape[3] // source.shape[3], axis=3)
    return _windows(repeated, weights, operator, result, lambda part, w: part * w[0])


def _windows(
    source: _Ints,
    weights: _Ints,
    operator: Operator,
    result: Tensor,
    product: Callable[[_Ints, _Ints], _Ints],
) -> _Ints:
    """Add up `product` over the positions in a window; the padding is zero."""
    options = cast("Conv2DOptions", operator.options)
    strides = (options.stride_h, options.stride_w)
    dilations = (options.dilation_h_factor, options.dilation_w_factor)
    sides = [
        window_axis(
            source.shape[1 + i], weights.shape[1 + i], strides[i], dilations[i], options.padding
        )
        for i in (0, 1)
    ]
    extents = [
        (side.output - 1) * side.stride + (side.size - 1) * side.dilation + 1 for side in sides
    ]
    after = [max(extents[i] - source.shape[1 + i] - sides[i].before, 0) for i in (0, 1)]
    padded = np.pad(source, ((0, 0), *((sides[i].before, after[i]) for i in (0, 1)), (0, 0)))
    sums = np.zeros(result.shape, np.int64)
    for row, column in np.ndindex(*weights.shape[1:3]):
        rows, columns = (_elements(*pair) for pair in zip(sides, (row, column), strict=True))
        sums += product(padded[:, rows, columns], weights[:, row, column])
    return sums


def _elements(side: WindowAxis, position: int) -> slice:
    """Return the elements at `position` in each window along an axis."""
    first = position * side.dilation
    return slice(first, first + (side.output - 1) * side.stride + 1, side.stride)


_SUMS: Mapping[str, Callable[[_Ints, _Ints, Operator, Tensor], _Ints]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
}
