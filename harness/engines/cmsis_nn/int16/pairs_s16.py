"""ADD, SUB, MUL, MAXIMUM and MINIMUM in int16, with broadcasting."""

from typing import cast

from harness.engines.cmsis_nn.elementwise import (
    Operands,
    bounds,
    input_term,
    pair_loops,
    result_term,
)
from harness.engines.cmsis_nn.int16 import tensors_s16 as s16
from harness.engines.cmsis_nn.layer import Layer, scale, zero_point
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.model.operator_options import Activation, AddOptions, MulOptions, SubOptions
from harness.model.quantized_multiplier import add_parameters, product_multiplier

_LEFT_SHIFT = 15  # ADD and SUB scale their inputs after a shift by so many bits


def add(view: OperatorView) -> Layer:
    """Lower ADD."""
    options = cast("AddOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, 1)


def sub(view: OperatorView) -> Layer:
    """Lower SUB."""
    options = cast("SubOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, -1)


def _sum(view: OperatorView, activation: Activation, sign: int) -> Layer:
    pair = _operands(view)
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
    options = cast("MulOptions", view.operator.options)
    pair = _operands(view)
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


def maximum(view: OperatorView) -> Layer:
    """Lower MAXIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _operands(view).layer("nn_max_s16")


def minimum(view: OperatorView) -> Layer:
    """Lower MINIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _operands(view).layer("nn_min_s16")


def _operands(view: OperatorView) -> Operands:
    view.check_arity(2, 2)
    first, second = (s16.check_int16(view, view.tensor(i), f"input {i}") for i in (0, 1))
    if first.data is not None and second.data is not None:
        view.fail("both inputs are constant", "fold constants when converting")
    result = s16.result(view)
    return Operands(view, first, second, result, pair_loops(view, first, second, result))
