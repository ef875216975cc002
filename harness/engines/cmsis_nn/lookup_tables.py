"""Operators on one int8 tensor, value by value: a table of 256 bytes made at build time.

Each function computes one entry as TFLM computes one element. Published sources of TFLM divide
the scales of RELU, LEAKY_RELU and HARD_SWISH in float32, the `tflite-micro` wheel in double; the
wheel is golden.
"""

import math
from collections.abc import Callable
from typing import cast

import numpy as np

from harness.engines.cmsis_nn import fixed_point as fixed
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import Site
from harness.model.graph import Activation, LeakyReluOptions, Tensor
from harness.model.quantized_multiplier import INT8_MAX, INT8_MIN, Multiplier, multiplier

# LOGISTIC and TANH take their input in Q4.27.
_INTEGER_BITS = 4


def relu(site: Site) -> Layer:
    """Lower RELU. Source: activations_common.cc, CalculateReluOpData."""
    source, result = _ends(site)
    factor = _ratio(site, source, result)
    least, greatest = site.clamp(Activation.RELU, result)

    def entry(value: int) -> int:
        scaled = fixed.scale(value - zero_point(source), factor)
        return fixed.clamp(scaled + zero_point(result), least, greatest)

    return table_layer(site, source, result, entry)


def relu6(site: Site) -> Layer:
    """Lower RELU6. As in TFLM the input is only clamped; the output's scale counts for nothing."""
    source, result = _ends(site)
    least, greatest = zero_point(source), site.clamp(Activation.RELU6, source)[1]
    return table_layer(site, source, result, lambda value: fixed.clamp(value, least, greatest))


def leaky_relu(site: Site) -> Layer:
    """Lower LEAKY_RELU. Source: leaky_relu_common.cc, CalculateOpDataLeakyRelu."""
    options = cast("LeakyReluOptions", site.operator.options)
    source, result = _ends(site)
    identity = _ratio(site, source, result)
    factor = _factor(site, scale(source) * abs(options.alpha) / scale(result))
    sign = -1 if options.alpha < 0 else 1

    def entry(value: int) -> int:
        centred = value - zero_point(source)
        scaled = (
            fixed.scale(centred, identity) if centred >= 0 else sign * fixed.scale(centred, factor)
        )
        return fixed.clamp(scaled + zero_point(result), INT8_MIN, INT8_MAX)

    return table_layer(site, source, result, entry)


def logistic(site: Site) -> Layer:
    """Lower LOGISTIC; the output is in 1/256, as in TFLM whatever scale it claims."""
    source, result = _ends(site)
    if zero_point(result) != INT8_MIN:
        site.fail(f"the output has {quantization(result)}; TFLM wants zero point -128")
    return table_layer(site, source, result, _sigmoid(site, source, fixed.logistic, 8, INT8_MIN))


def tanh(site: Site) -> Layer:
    """Lower TANH; the output is in 1/128 around 0, as in TFLM whatever it claims."""
    source, result = _ends(site)
    return table_layer(site, source, result, _sigmoid(site, source, fixed.tanh, 7, 0))


def _sigmoid(
    site: Site, source: Tensor, function: Callable[[int], int], bits: int, offset: int
) -> Callable[[int], int]:
    """Return what gives `function` in units of 2^-`bits`. Source: logistic.h, tanh.h."""
    fraction, shift = math.frexp(scale(source) * (1 << (31 - _INTEGER_BITS)))
    if shift < 0:
        site.fail(f"the input's scale {scale(source):g} is too small")
    factor = Multiplier(math.floor(fraction * (1 << 31) + 0.5), shift)
    # Beyond this the input exceeds Q4.27, and the function is as good as constant.
    radius = ((1 << _INTEGER_BITS) - 1) * (1 << (31 - _INTEGER_BITS)) >> shift

    def entry(value: int) -> int:
        centred = value - zero_point(source)
        if abs(centred) >= radius:
            # Also for 0, where the scale is so large that the radius is 0.
            return INT8_MIN if centred <= -radius else INT8_MAX
        unit = fixed.rounding_shift_right(function(fixed.scale(centred, factor)), 31 - bits)
        return fixed.clamp(unit + offset, INT8_MIN, INT8_MAX)

    return entry


def hard_swish(site: Site) -> Layer:
    """Lower HARD_SWISH: x * relu6(x + 3) / 6 in 16 bits. Source: hard_swish.h."""
    source, result = _ends(site)
    fine = scale(source) / 128
    to_result, to_reluish = _factor(site, fine / scale(result)), _factor(site, fine / (3 / 32768))
    if to_result.shift > 0:
        site.fail("the scales of input and output are too far apart for TFLM")
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

    return table_layer(site, source, result, entry)


def _to_16_bits(value: int) -> int:
    """Return a factor's upper half, rounded. Source: common.h, DownScaleInt32ToInt16Multiplier."""
    return min((value + (1 << 15)) >> 16, fixed.INT16_MAX)


def table_layer(
    site: Site, source: Tensor, result: Tensor, entry: Callable[[int], int], *, first: int = -128
) -> Layer:
    """Return the layer that replaces each byte by `entry` of its value.

    `first` is the least value of the input's type: -128, or 0 for uint8. A table that changes
    nothing costs nothing.
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
        return Layer(site.operator, notes=(*notes, "the same bytes"), alias=source.index)
    array = Array(site.names.of("table"), table, "for the inputs 0 to 127, then the others")
    arguments = (array.name, str(source.elements), site.address(source), site.address(result))
    return Layer(
        site.operator,
        notes=notes,
        arrays=(array,),
        call=Call("nn_lut_s8", arguments),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({"nn_lut_s8.c"}),
    )


def _ends(site: Site) -> tuple[Tensor, Tensor]:
    site.arity(1, 1)
    source, result = site.activation(0), site.result()
    site.result_shape(source.shape)
    return source, result


def _ratio(site: Site, source: Tensor, result: Tensor) -> Multiplier:
    """Return the scale of `source` in that of `result`."""
    return _factor(site, scale(source) / scale(result))


def _factor(site: Site, real: float) -> Multiplier:
    if not math.isfinite(real):
        site.fail("the scales of input and output are too far apart")
    factor = multiplier(real)
    site.shifts([factor])
    return factor
