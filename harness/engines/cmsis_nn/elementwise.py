"""Arithmetic on two tensors: ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM and their relatives.

Int8 has kernels of its own. For int32 and float32 one kernel calls a function for each pair.
"""

from dataclasses import replace
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.float_functions import FLOAT_MAX, REAL_FUNCTIONS
from harness.engines.cmsis_nn.layer import Layer, c_float, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import (
    Operands,
    bounds,
    input_term,
    operands,
    refuse_quantized,
    result_term,
)
from harness.model.operator_options import Activation, FusedOptions
from harness.model.quantized_multiplier import (
    add_parameters,
    multiplier,
    product_multiplier,
    squared_difference_parameters,
)

_ALL = ("int8", "int32", "float32")
_FLOAT = ("float32",)
_INT32 = np.iinfo(np.int32)
# Beyond them, TFLM shifts by a negative number of bits, or by more than it computes with.
_DIV_SHIFTS = (-25, 22)


def add(view: OperatorView) -> Layer:
    """Lower ADD. As in TFLM, a sum of int32 ignores the fused activation."""
    options = cast("FusedOptions", view.operator.options)
    pair = operands(view, _ALL)
    if pair.result.dtype == np.int8:
        return _sum(pair, options.fused_activation_function, 1)
    clamps = pair.result.dtype == np.float32
    return plain_pairs(pair, "add", options.fused_activation_function if clamps else None)


def sub(view: OperatorView) -> Layer:
    """Lower SUB."""
    options = cast("FusedOptions", view.operator.options)
    pair = operands(view, _ALL)
    if pair.result.dtype == np.int8:
        return _sum(pair, options.fused_activation_function, -1)
    return plain_pairs(pair, "sub", options.fused_activation_function)


def _sum(pair: Operands, activation: Activation, sign: int) -> Layer:
    clamp = pair.view.clamp(activation, pair.result)
    try:
        factors = add_parameters(scale(pair.first), scale(pair.second), scale(pair.result))
    except ValueError as error:
        pair.view.fail(str(error))
    fields = (
        f".first = {input_term(-zero_point(pair.first), factors.first)}",
        f".second = {input_term(-zero_point(pair.second), factors.second)}",
        f".sign = {sign}",
        f".output = {result_term(factors.result, zero_point(pair.result))}",
        *bounds(clamp),
    )
    return pair.layer("nn_add_s8", ("nn_add_params_t", fields))


def mul(view: OperatorView) -> Layer:
    """Lower MUL."""
    options = cast("FusedOptions", view.operator.options)
    pair = operands(view, _ALL)
    if pair.result.dtype != np.int8:
        return plain_pairs(pair, "mul", options.fused_activation_function)
    clamp = view.clamp(options.fused_activation_function, pair.result)
    factor = product_multiplier(scale(pair.first), scale(pair.second), scale(pair.result))
    view.check_shifts([factor])
    fields = (
        f".first_offset = {-zero_point(pair.first)}",
        f".second_offset = {-zero_point(pair.second)}",
        f".output = {result_term(factor, zero_point(pair.result))}",
        *bounds(clamp),
    )
    return pair.layer("nn_mul_s8", ("nn_mul_params_t", fields))


def div(view: OperatorView) -> Layer:
    """Lower DIV. A division of integers by zero fails at run time; TFLM does not define it.

    Source: div.cc, CalculateOpDataDiv. The published source divides the scales in float32, the
    `tflite-micro` wheel in double.
    """
    options = cast("FusedOptions", view.operator.options)
    pair = operands(view, _ALL)
    if pair.result.dtype == np.float32:
        return plain_pairs(pair, "div", options.fused_activation_function)
    if pair.result.dtype == np.int32:
        return _nonzero(plain_pairs(pair, "div", options.fused_activation_function), view)
    if pair.second.data is not None and (pair.second.data == zero_point(pair.second)).any():
        view.fail("divides by the constant zero", "change the divisor")
    clamp = view.clamp(options.fused_activation_function, pair.result)
    factor = multiplier(scale(pair.first) / (scale(pair.second) * scale(pair.result)))
    if not _DIV_SHIFTS[0] <= factor.shift <= _DIV_SHIFTS[1]:
        view.fail("the scales of inputs and output are too far apart")
    fields = (
        f".first_offset = {-zero_point(pair.first)}",
        f".second_offset = {-zero_point(pair.second)}",
        f".output = {result_term(factor, zero_point(pair.result))}",
        *bounds(clamp),
    )
    return pair.layer("nn_div_s8", ("nn_mul_params_t", fields), status=True)


def maximum(view: OperatorView) -> Layer:
    """Lower MAXIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _extreme(view, "max")


def minimum(view: OperatorView) -> Layer:
    """Lower MINIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _extreme(view, "min")


def _extreme(view: OperatorView, name: str) -> Layer:
    pair = operands(view, _ALL)
    return pair.layer(f"nn_{name}_s8") if pair.result.dtype == np.int8 else plain_pairs(pair, name)


def squared_difference(view: OperatorView) -> Layer:
    """Lower SQUARED_DIFFERENCE. Source: squared_difference.cc, PrepareQuantized."""
    pair = operands(view, _ALL)
    if pair.result.dtype != np.int8:
        return plain_pairs(pair, "squared_difference")
    try:
        factors = squared_difference_parameters(
            scale(pair.first), scale(pair.second), scale(pair.result)
        )
    except ValueError as error:
        view.fail(str(error))
    view.check_shifts([factors.result])
    fields = (
        f".first = {input_term(-zero_point(pair.first), factors.first)}",
        f".second = {input_term(-zero_point(pair.second), factors.second)}",
        f".output = {result_term(factors.result, zero_point(pair.result))}",
    )
    return pair.layer("nn_squared_difference_s8", ("nn_squared_difference_params_t", fields))


def floor_div(view: OperatorView) -> Layer:
    """Lower FLOOR_DIV of float32. As in TFLM, a division by zero fails at run time."""
    return _nonzero(plain_pairs(operands(view, _FLOAT), "floor_div"), view)


def floor_mod(view: OperatorView) -> Layer:
    """Lower FLOOR_MOD of float32."""
    return plain_pairs(operands(view, _FLOAT), "floor_mod")


def plain_pairs(pair: Operands, name: str, activation: Activation | None = None) -> Layer:
    """Return the layer that calls the function `name` for each pair of int32 or float32.

    The results are clamped to the range of `activation`, if there is one.
    """
    refuse_quantized(pair)
    of, limits = "f32", (-np.inf, np.inf)
    if pair.result.dtype == np.int32:
        of, limits = "s32", (_INT32.min, _INT32.max)
    elif activation is not None:
        # TFLM clamps infinite results even without an activation.
        limits = (-FLOAT_MAX, FLOAT_MAX)
    if activation is not None:
        low, high = pair.view.activation_bounds(activation)
        limits = (
            limits[0] if low is None else low,
            limits[1] if high is None else high,
        )
    literal = c_float if of == "f32" else _c_int
    layer = pair.layer(
        f"nn_pairs_{of}",
        arguments=(f"nn_{name}_{of}", *(literal(limit) for limit in limits)),
    )
    more = {REAL_FUNCTIONS} if of == "f32" else set()
    return replace(layer, kernels=layer.kernels | more)


def _c_int(value: float) -> str:
    """Return a C literal; there is none of type int32_t for the least number."""
    return str(int(value)) if value > _INT32.min else "INT32_MIN"


def _nonzero(layer: Layer, view: OperatorView) -> Layer:
    """Return `layer` with a check before it: no divisor may be 0."""
    divisor = view.tensor(1)
    if divisor.data is not None:
        if (divisor.data == 0).any():
            view.fail("divides by the constant zero", "change the divisor")
        return layer
    of = "f32" if divisor.dtype == np.float32 else "s32"
    check = f"if (nn_any_zero_{of}({divisor.elements}, {view.typed_address(divisor)})) {{"
    return replace(layer, before=(check, "    return 1;", "}"))
