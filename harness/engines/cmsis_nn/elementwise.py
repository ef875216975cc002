"""ADD, SUB, MUL, MAXIMUM and MINIMUM: two tensors, with broadcasting."""

from dataclasses import dataclass
from typing import cast

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import LoopAxis, loops_struct, merge, strides_of
from harness.engines.cmsis_nn.operator_view import CONVERT_AGAIN, OperatorView
from harness.model.graph import Tensor
from harness.model.operator_options import (
    Activation,
    AddOptions,
    MulOptions,
    SubOptions,
)
from harness.model.quantized_multiplier import Multiplier, add_parameters, product_multiplier


def add(view: OperatorView) -> Layer:
    """Lower ADD."""
    options = cast("AddOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, 1)


def sub(view: OperatorView) -> Layer:
    """Lower SUB."""
    options = cast("SubOptions", view.operator.options)
    return _sum(view, options.fused_activation_function, -1)


def _sum(view: OperatorView, activation: Activation, sign: int) -> Layer:
    operands = _operands(view)
    clamp = view.clamp(activation, operands.result)
    try:
        factors = add_parameters(
            scale(operands.first), scale(operands.second), scale(operands.result)
        )
    except ValueError as error:
        view.fail(str(error))
    fields = (
        f".first = {input_term(-zero_point(operands.first), factors.first)}",
        f".second = {input_term(-zero_point(operands.second), factors.second)}",
        f".sign = {sign}",
        f".output = {result_term(factors.result, zero_point(operands.result))}",
        *bounds(clamp),
    )
    return operands.layer("nn_add_s8", ("nn_add_params_t", fields))


def mul(view: OperatorView) -> Layer:
    """Lower MUL."""
    options = cast("MulOptions", view.operator.options)
    operands = _operands(view)
    clamp = view.clamp(options.fused_activation_function, operands.result)
    factor = product_multiplier(
        scale(operands.first), scale(operands.second), scale(operands.result)
    )
    view.check_shifts([factor])
    fields = (
        f".first_offset = {-zero_point(operands.first)}",
        f".second_offset = {-zero_point(operands.second)}",
        f".output = {result_term(factor, zero_point(operands.result))}",
        *bounds(clamp),
    )
    return operands.layer("nn_mul_s8", ("nn_mul_params_t", fields))


def maximum(view: OperatorView) -> Layer:
    """Lower MAXIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _operands(view).layer("nn_max_s8")


def minimum(view: OperatorView) -> Layer:
    """Lower MINIMUM; as in TFLM, it compares the stored values and ignores their scales."""
    return _operands(view).layer("nn_min_s8")


def result_term(factor: Multiplier, offset: int) -> str:
    """Return an `nn_result_t`."""
    return f"{{{factor.value}, {factor.shift}, {offset}}}"


def input_term(offset: int, factor: Multiplier) -> str:
    """Return an `nn_term_t`."""
    return f"{{{offset}, {factor.value}, {factor.shift}}}"


def bounds(clamp: tuple[int, int]) -> tuple[str, str]:
    """Return the fields of the activation's bounds."""
    return f".activation_min = {clamp[0]}", f".activation_max = {clamp[1]}"


@dataclass(frozen=True)
class Operands:
    """The operands, the result, and the loops over the operands."""

    view: OperatorView
    first: Tensor
    second: Tensor
    result: Tensor
    loops: Struct

    def layer(self, function: str, params: tuple[str, tuple[str, ...]] | None = None) -> Layer:
        """Return the layer that calls `function`, with `params`, a struct: type and fields."""
        view = self.view
        structs, arguments = [self.loops], [f"&{self.loops.name}"]
        if params:
            structs.insert(0, Struct(params[0], view.names.of("params"), params[1]))
            arguments.insert(0, f"&{structs[0].name}")
        arrays: list[Array] = []
        for position in (0, 1):
            expression, constant = view.operand(position)
            expression = expression if constant else view.typed_address(view.tensor(position))
            arguments.append(expression)
            arrays += constant
        return Layer(
            view.operator,
            notes=(
                f"{shape(self.first)} and {shape(self.second)} -> {shape(self.result)}",
                f"inputs {quantization(self.first)}; {quantization(self.second)}",
                f"output {quantization(self.result)}",
            ),
            arrays=tuple(arrays),
            structs=tuple(structs),
            call=Call(function, (*arguments, view.typed_address(self.result))),
            status=False,
            # An operand without broadcasting is read in the order in which the result is written.
            in_place=tuple(
                operand.index
                for operand in (self.first, self.second)
                if operand.data is None and operand.shape == self.result.shape
            ),
            kernels=frozenset({f"{function}.c"}),
        )


def _operands(view: OperatorView) -> Operands:
    view.check_arity(2, 2)
    first, second = (view.check_int8(view.tensor(i), f"input {i}") for i in (0, 1))
    result = view.result()
    if first.data is not None and second.data is not None:
        view.fail("both inputs are constant", "fold constants when converting")
    return Operands(view, first, second, result, pair_loops(view, first, second, result))


def pair_loops(view: OperatorView, first: Tensor, second: Tensor, result: Tensor) -> Struct:
    """Return the loops over both operands; an axis of one element is broadcast."""
    rank = max(len(tensor.shape) for tensor in (first, second, result))
    one, two, out = (
        (1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in (first, second, result)
    )
    for sizes in zip(one, two, out, strict=True):
        if {*sizes[:2]} - {1, sizes[2]} or max(sizes[:2]) != sizes[2]:
            view.fail(
                f"shapes {shape(first)} and {shape(second)} do not make {shape(result)}",
                CONVERT_AGAIN,
            )
    strides = [
        [0 if size == 1 else stride for size, stride in zip(sizes, strides_of(sizes), strict=True)]
        for sizes in (one, two)
    ]
    return loops_struct(
        view, "loops", merge([LoopAxis(*a) for a in zip(out, *strides, strict=True)])
    )
