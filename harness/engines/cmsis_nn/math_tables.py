"""ABS, ELU, GELU, RSQRT and PRELU of int8; where possible as tables made at build time."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.elementwise import plain_pairs
from harness.engines.cmsis_nn.float_functions import also_float
from harness.engines.cmsis_nn.layer import Call, Layer, quantization, scale, zero_point
from harness.engines.cmsis_nn.lookup_tables import factor_of, table_layer, table_operands
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import operands, result_term
from harness.model.operator_options import GeluOptions
from harness.model.quantized_multiplier import INT8_MAX, INT8_MIN, Multiplier

_F = np.float32
RSQRT_BITS = 20
"""Bits of the fraction of 1 / sqrt."""


@also_float("abs")
def absolute(view: OperatorView) -> Layer:
    """Lower ABS. Source: elementwise.cc, AbsEvalQuantized."""
    source, result = table_operands(view)
    factor = factor_of(view, scale(source) / scale(result))

    def entry(value: int) -> int:
        size = abs(value - zero_point(source))
        if scale(source) != scale(result):
            size = fixed.scale(size, factor)
        return fixed.clamp(size + zero_point(result), INT8_MIN, INT8_MAX)

    return table_layer(view, source, result, entry)


@also_float("elu")
def elu(view: OperatorView) -> Layer:
    """Lower ELU. Source: elu.cc, PopulateLookupTable."""
    return _real_table(view, lambda x: x if x >= 0 else _F(_F(math.exp(x)) - _F(1)))


def gelu(view: OperatorView) -> Layer:
    """Lower GELU. TFLM has no kernel for it; this is what LiteRT's reference kernel computes.

    Source: TensorFlow Lite, reference/gelu.h, GeluTransform and GeluTransformApproximate.
    """
    options = cast("GeluOptions", view.operator.options)
    return _real_table(view, _approximate_gelu if options.approximate else _exact_gelu)


def _exact_gelu(x: np.float32) -> np.float32:
    return _F(_F(0.5) * x) * _F(math.erfc(_F(x * _F(-math.sqrt(0.5)))))


def _approximate_gelu(x: np.float32) -> np.float32:
    with np.errstate(over="ignore"):
        cubic = _F(x + _F(_F(_F(_F(0.044715) * x) * x) * x))
    gate = _F(1) + _F(math.tanh(_F(_F(math.sqrt(2 / math.pi)) * cubic)))
    return _F(_F(0.5) * x) * gate


def _real_table(view: OperatorView, function: Callable[[np.float32], np.float32]) -> Layer:
    """Return the layer with a table of `function` of the real values, in float32 throughout."""
    source, result = table_operands(view)
    inverse = _F(1) / _F(scale(result))

    def entry(value: int) -> int:
        real = function(_F(scale(source)) * _F(value - zero_point(source)))
        with np.errstate(over="ignore", invalid="ignore"):
            steps = float(_F(real * inverse))
        if not math.isfinite(steps):
            return INT8_MIN  # as a conversion to int32 that does not fit
        rounded = math.copysign(math.floor(abs(steps) + 0.5), steps)
        quantized = int(_F(rounded + zero_point(result)))
        quantized = quantized if abs(quantized) < 1 << 31 else fixed.INT32_MIN
        return fixed.clamp(quantized, INT8_MIN, INT8_MAX)

    return table_layer(view, source, result, entry)


@also_float("rsqrt")
def rsqrt(view: OperatorView) -> Layer:
    """Lower RSQRT. As in TFLM, a negative input fails at run time.

    Source: elementwise.cc, RsqrtEvalQuantized. The published source computes the factor in float32,
    the `tflite-micro` wheel in double.
    """
    source, result = table_operands(view)
    factor = factor_of(view, 1.0 / (math.sqrt(scale(source)) * scale(result)))
    last = Multiplier(factor.value, factor.shift - RSQRT_BITS)
    if last.shift < fixed.LEAST_SHIFT:
        view.fail("the scales of input and output are too far apart")

    def entry(value: int) -> int:
        centred = value - zero_point(source)
        if centred <= 0:
            return INT8_MAX
        inverse = fixed.inverse_sqrt(centred)
        data = fixed.scale(1, Multiplier(inverse.value, inverse.shift + RSQRT_BITS))
        return fixed.clamp(fixed.scale(data, last) + zero_point(result), INT8_MIN, INT8_MAX)

    layer = table_layer(view, source, result, entry)
    if zero_point(source) == INT8_MIN or layer.call is None:
        return layer
    table, *others = layer.call.arguments
    call = Call("nn_checked_lut_s8", (table, str(zero_point(source)), *others))
    return replace(layer, call=call, status=True, kernels=frozenset({"nn_checked_lut_s8.c"}))


def prelu(view: OperatorView) -> Layer:
    """Lower PRELU. Source: prelu_common.cc, CalculatePreluParams."""
    pair = operands(view, ("int8", "float32"))
    if pair.result.shape != pair.first.shape:
        view.fail("alpha does not broadcast to the input's shape", "convert the model again")
    if pair.result.dtype == np.float32:
        return plain_pairs(pair, "prelu")
    source, alpha, result = pair.first, pair.second, pair.result
    positive = factor_of(view, scale(source) / scale(result))
    negative = factor_of(view, scale(source) * scale(alpha) / scale(result))

    if alpha.data is not None and alpha.elements == 1 and source.data is None:
        slope = int(alpha.data.ravel()[0]) - zero_point(alpha)

        def entry(value: int) -> int:
            centred = value - zero_point(source)
            scaled = (
                fixed.scale(centred, positive)
                if centred >= 0
                else fixed.scale(centred * slope, negative)
            )
            return fixed.clamp(scaled + zero_point(result), INT8_MIN, INT8_MAX)

        layer = table_layer(view, source, result, entry)
        return replace(layer, notes=(*layer.notes, f"alpha {quantization(alpha)}"))
    fields = (
        f".input_offset = {-zero_point(source)}",
        f".alpha_offset = {-zero_point(alpha)}",
        f".positive = {result_term(positive, zero_point(result))}",
        f".negative = {result_term(negative, zero_point(result))}",
    )
    return pair.layer("nn_prelu_s8", ("nn_prelu_params_t", fields))
