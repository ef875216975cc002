"""Elementwise operators on one int8 tensor, as tables of 256 bytes made at build time.

Each function computes one entry as TFLM computes one element. TFLM's published sources divide the
scales of RELU, LEAKY_RELU and HARD_SWISH in float32, the `tflite-micro` wheel in double. The wheel
is golden.
"""

import math
from collections.abc import Callable
from typing import cast

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.float_functions import also_float, float_layer
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    c_float,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.graph import Tensor
from harness.model.operator_options import (
    Activation,
    LeakyReluOptions,
)
from harness.model.quantized_multiplier import INT8_MAX, INT8_MIN, Multiplier, multiplier

# LOGISTIC and TANH take their input in Q4.27.
_INTEGER_BITS = 4
_MAX_SHIFT = 62  # TFLM computes 1 << shift in 64 bits


@also_float("relu")
def relu(view: OperatorView) -> Layer:
    """Lower RELU. Source: activations_common.cc, CalculateReluOpData."""
    source, result = table_operands(view)
    factor = _ratio(view, source, result)
    least, greatest = view.clamp(Activation.RELU, result)

    def entry(value: int) -> int:
        scaled = fixed.scale(value - zero_point(source), factor)
        return fixed.clamp(scaled + zero_point(result), least, greatest)

    return table_layer(view, source, result, entry)


@also_float("relu6")
def relu6(view: OperatorView) -> Layer:
    """Lower RELU6. As in TFLM, the input is only clamped; the output's scale is ignored."""
    source, result = table_operands(view)
    least, greatest = zero_point(source), view.clamp(Activation.RELU6, source)[1]
    return table_layer(view, source, result, lambda value: fixed.clamp(value, least, greatest))


def leaky_relu(view: OperatorView) -> Layer:
    """Lower LEAKY_RELU. Source: leaky_relu_common.cc, CalculateOpDataLeakyRelu."""
    options = cast("LeakyReluOptions", view.operator.options)
    view.check_arity(1, 1)
    if view.tensor(0).dtype == np.float32:
        slope = c_float(options.alpha)
        return float_layer(view, "nn_leaky_relu_f32", slope, kernel="nn_map_f32")
    source, result = table_operands(view)
    identity = _ratio(view, source, result)
    factor = factor_of(view, scale(source) * abs(options.alpha) / scale(result))
    sign = -1 if options.alpha < 0 else 1

    def entry(value: int) -> int:
        centred = value - zero_point(source)
        scaled = (
            fixed.scale(centred, identity) if centred >= 0 else sign * fixed.scale(centred, factor)
        )
        return fixed.clamp(scaled + zero_point(result), INT8_MIN, INT8_MAX)

    return table_layer(view, source, result, entry)


@also_float("logistic")
def logistic(view: OperatorView) -> Layer:
    """Lower LOGISTIC; as in TFLM, the output has scale 1/256 whatever the file states."""
    source, result = table_operands(view)
    if zero_point(result) != INT8_MIN:
        view.fail(f"the output has {quantization(result)}; TFLM requires zero point -128")
    return table_layer(view, source, result, _sigmoid(view, source, fixed.logistic, 8, INT8_MIN))


@also_float("tanh")
def tanh(view: OperatorView) -> Layer:
    """Lower TANH; as in TFLM, the output has scale 1/128 and zero point 0 in any case."""
    source, result = table_operands(view)
    return table_layer(view, source, result, _sigmoid(view, source, fixed.tanh, 7, 0))


def _sigmoid(
    view: OperatorView, source: Tensor, function: Callable[[int], int], bits: int, offset: int
) -> Callable[[int], int]:
    """Return an entry function for `function` in units of 2^-`bits`. Source: logistic.h, tanh.h."""
    fraction, shift = math.frexp(scale(source) * (1 << (31 - _INTEGER_BITS)))
    if not 0 <= shift <= _MAX_SHIFT:
        size = "small" if shift < 0 else "large"
        view.fail(f"the input's scale {scale(source):g} is too {size}")
    factor = Multiplier(math.floor(fraction * (1 << 31) + 0.5), shift)
    # Beyond this radius the input exceeds Q4.27, and the function is practically constant.
    radius = ((1 << _INTEGER_BITS) - 1) * (1 << (31 - _INTEGER_BITS)) >> shift

    def entry(value: int) -> int:
        centred = value - zero_point(source)
        if abs(centred) >= radius:
            # Includes 0 if the scale is so large that the radius is 0.
            return INT8_MIN if centred <= -radius else INT8_MAX
        unit = fixed.rounding_shift_right(function(fixed.scale(centred, factor)), 31 - bits)
        return fixed.clamp(unit + offset, INT8_MIN, INT8_MAX)

    return entry


@also_float("hard_swish")
def hard_swish(view: OperatorView) -> Layer:
    """Lower HARD_SWISH: x * relu6(x + 3) / 6 in 16 bits. Source: hard_swish.h."""
    source, result = table_operands(view)
    fine = scale(source) / 128
    to_result, to_reluish = (
        factor_of(view, fine / scale(result)),
        factor_of(view, fine / (3 / 32768)),
    )
    if to_result.shift > 0:
        view.fail("the scales of input and output are too far apart for TFLM")
    of_result, of_reluish = (_to_16_bits(factor.value) for factor in (to_result, to_reluish))
    shift = to_reluish.shift

    def entry(value: int) -> int:
        centred = (value - zero_point(source)) << 7
        preshift = fixed.high_mul_16(centred, of_result)
        gate = fixed.shift_left_16(centred, shift - 1) if shift > 0 else centred
        gate = fixed.high_mul_16(gate, of_reluish)
        if shift > 0:
            gate = fixed.shift_left_16(gate, 1)
        elif shift < 0:
            gate = fixed.rounding_shift_right_16(gate, -shift)
        gate = (gate + (1 << 15)) >> 1  # from -1..1 to 0..1
        product = fixed.high_mul_16_truncated(gate, preshift)
        output = fixed.rounding_shift_right_16(product, -to_result.shift)
        return fixed.clamp(fixed.wrap(output + zero_point(result), 16), INT8_MIN, INT8_MAX)

    return table_layer(view, source, result, entry)


def _to_16_bits(value: int) -> int:
    """Return a factor's upper half, rounded. Source: common.h, DownScaleInt32ToInt16Multiplier."""
    return min((value + (1 << 15)) >> 16, fixed.INT16_MAX)


def table_layer(
    view: OperatorView,
    source: Tensor,
    result: Tensor,
    entry: Callable[[int], int],
    *,
    first: int = -128,
) -> Layer:
    """Return the layer that replaces each byte with `entry` of its value.

    `first` is the least value of the input's type: -128, or 0 for uint8. If the table is the
    identity, the layer has no code.
    """
    values = range(first, first + 256)
    table = np.zeros(256, np.int8)
    for value in values:
        table[value % 256] = fixed.wrap(entry(value), 8)
    notes = (
        f"{shape(source)}",
        f"input {source.dtype}, {quantization(source)}",
        f"output {result.dtype}, {quantization(result)}",
    )
    if (table == np.arange(256).astype(np.uint8).view(np.int8)).all():
        return Layer(view.operator, notes=(*notes, "the same bytes"), alias=source.index)
    array = Array(view.names.of("table"), table, "for the inputs 0 to 127, then the others")
    arguments = (array.name, str(source.elements), view.address(source), view.address(result))
    return Layer(
        view.operator,
        notes=notes,
        arrays=(array,),
        call=Call("nn_lut_s8", arguments),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_lut_s8.c"}),
    )


def table_operands(view: OperatorView) -> tuple[Tensor, Tensor]:
    """Return the input and output of an operator on one int8 tensor."""
    view.check_arity(1, 1)
    source, result = view.activation(0), view.result()
    view.check_result_shape(source.shape)
    return source, result


def _ratio(view: OperatorView, source: Tensor, result: Tensor) -> Multiplier:
    """Return the factor from the scale of `source` to that of `result`."""
    return factor_of(view, scale(source) / scale(result))


def factor_of(view: OperatorView, real: float) -> Multiplier:
    """Return the quantized factor `real`; refuse it if it needs an undefined shift."""
    if not math.isfinite(real):
        view.fail("the scales of input and output are too far apart")
    factor = multiplier(real)
    view.check_shifts([factor])
    return factor
