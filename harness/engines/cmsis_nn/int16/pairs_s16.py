"""ADD, SUB, MUL, SQUARED_DIFFERENCE, MAXIMUM and MINIMUM in int16, with broadcasting."""

from typing import cast

from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import Layer, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import bounds, input_term, operands, result_term
from harness.model.operator_options import Activation, FusedOptions
from harness.model.quantized_multiplier import (
    add_parameters,
    product_multiplier,
    squared_difference_parameters,
)

_TYPES = ("int16",)
_LEFT_SHIFT = 15  # bits by which ADD and SUB shift their inputs before scaling


def add(view: OperatorView) -> Layer:
    """Lower ADD."""
    options = cast("FusedOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, 1)


def sub(view: OperatorView) -> Layer:
    """Lower SUB."""
    options = cast("FusedOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, -1)


def _sum(view: OperatorView, activation: Activation, sign: int) -> Layer:
    pair = operands(view, _TYPES)
    clamp = s16.clamp(view, activation, pair.result)
    try:
        factors = add_parameters(
            scale(pair.first), scale(pair.second), scale(pair.result), _LEFT_SHIFT
        )
    except ValueError as error:
        view.fail(str(error))
    fields = (
        f".first = {input_term(-zero_point(pair.first), factors.first)}",
        f".second = {input_term(-zero_point(pair.second), factors.second)}",
        f".sign = {sign}",
        f".output = {result_term(factors.result, zero_point(pair.result))}",
        *bounds(clamp),
    )
    return pair.layer("nn_add_s16", ("nn_add_params_t", fields))


def mul(view: OperatorView) -> Layer:
    """Lower MUL."""
    options = cast("FusedOptions", view.operator.options)
    pair = operands(view, _TYPES)
    s16.check_symmetric(view, pair.first, pair.second, pair.result)
    clamp = s16.clamp(view, options.fused_activation_function, pair.result)
    factor = product_multiplier(scale(pair.first), scale(pair.second), scale(pair.result))
    view.check_shifts([factor])
    fields = (
        ".first_offset = 0",
        ".second_offset = 0",
        f".output = {result_term(factor, 0)}",
        *bounds(clamp),
    )
    return pair.layer("nn_mul_s16", ("nn_mul_params_t", fields))


def squared_difference(view: OperatorView) -> Layer:
    """Lower SQUARED_DIFFERENCE. Source: squared_difference.cc, SquaredDifferencePrepare."""
    pair = operands(view, _TYPES)
    s16.check_symmetric(view, pair.first, pair.second, pair.result)
    try:
        factors = squared_difference_parameters(
            scale(pair.first), scale(pair.second), scale(pair.result), left_shift=0
        )
    except ValueError as error:
        view.fail(str(error))
    view.check_shifts([factors.result])
    fields = (
        f".first = {input_term(0, factors.first)}",
        f".second = {input_term(0, factors.second)}",
        f".output = {result_term(factors.result, 0)}",
    )
    return pair.layer("nn_squared_difference_s16", ("nn_squared_difference_params_t", fields))


def maximum(view: OperatorView) -> Layer:
    """Lower MAXIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return operands(view, _TYPES).layer("nn_max_s16")


def minimum(view: OperatorView) -> Layer:
    """Lower MINIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return operands(view, _TYPES).layer("nn_min_s16")
