"""ADD, SUB, MUL, MAXIMUM and MINIMUM: two tensors, of which each may be repeated."""

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
from harness.engines.cmsis_nn.loops import Axis, merge, steps, struct
from harness.engines.cmsis_nn.operator_view import AGAIN, Site
from harness.model.graph import Activation, AddOptions, MulOptions, SubOptions, Tensor
from harness.model.quantized_multiplier import Multiplier, add_parameters, product_multiplier


def add(site: Site) -> Layer:
    """Lower ADD."""
    options = cast("AddOptions", site.operator.options)
    return _sum(site, options.fused_activation_function, 1)


def sub(site: Site) -> Layer:
    """Lower SUB."""
    options = cast("SubOptions", site.operator.options)
    return _sum(site, options.fused_activation_function, -1)


def _sum(site: Site, activation: Activation, sign: int) -> Layer:
    pair = _pair(site)
    clamp = site.clamp(activation, pair.result)
    try:
        factors = add_parameters(scale(pair.first), scale(pair.second), scale(pair.result))
    except ValueError as error:
        site.fail(str(error))
    fields = (
        f".first = {_term(-zero_point(pair.first), factors.first)}",
        f".second = {_term(-zero_point(pair.second), factors.second)}",
        f".sign = {sign}",
        f".output = {result_term(factors.result, zero_point(pair.result))}",
        *_bounds(clamp),
    )
    return pair.layer("nn_add_s8", ("nn_add_params_t", fields))


def mul(site: Site) -> Layer:
    """Lower MUL."""
    options = cast("MulOptions", site.operator.options)
    pair = _pair(site)
    clamp = site.clamp(options.fused_activation_function, pair.result)
    factor = product_multiplier(scale(pair.first), scale(pair.second), scale(pair.result))
    site.shifts([factor])
    fields = (
        f".first_offset = {-zero_point(pair.first)}",
        f".second_offset = {-zero_point(pair.second)}",
        f".output = {result_term(factor, zero_point(pair.result))}",
        *_bounds(clamp),
    )
    return pair.layer("nn_mul_s8", ("nn_mul_params_t", fields))


def maximum(site: Site) -> Layer:
    """Lower MAXIMUM; as in TFLM the stored values are compared, whatever their scales."""
    return _pair(site).layer("nn_max_s8")


def minimum(site: Site) -> Layer:
    """Lower MINIMUM; as in TFLM the stored values are compared, whatever their scales."""
    return _pair(site).layer("nn_min_s8")


def result_term(factor: Multiplier, offset: int) -> str:
    """Return an `nn_result_t`."""
    return f"{{{factor.value}, {factor.shift}, {offset}}}"


def _term(offset: int, factor: Multiplier) -> str:
    return f"{{{offset}, {factor.value}, {factor.shift}}}"


def _bounds(clamp: tuple[int, int]) -> tuple[str, str]:
    return f".activation_min = {clamp[0]}", f".activation_max = {clamp[1]}"


@dataclass(frozen=True)
class _Pair:
    """The operands, the result, and how the operands are walked."""

    site: Site
    first: Tensor
    second: Tensor
    result: Tensor
    loops: Struct

    def layer(self, function: str, params: tuple[str, tuple[str, ...]] | None = None) -> Layer:
        """Return the call of `function`, with a constant of type and fields `params` if any."""
        site = self.site
        structs, arguments = [self.loops], [f"&{self.loops.name}"]
        if params:
            structs.insert(0, Struct(params[0], site.names.of("params"), params[1]))
            arguments.insert(0, f"&{structs[0].name}")
        arrays: list[Array] = []
        for position in (0, 1):
            expression, constant = site.operand(position)
            arguments.append(expression)
            arrays += constant
        return Layer(
            site.operator,
            notes=(
                f"{shape(self.first)} and {shape(self.second)} -> {shape(self.result)}",
                f"inputs {quantization(self.first)}; {quantization(self.second)}",
                f"output {quantization(self.result)}",
            ),
            arrays=tuple(arrays),
            structs=tuple(structs),
            call=Call(function, (*arguments, site.address(self.result))),
            status=False,
            # An operand that is not repeated is walked as the result is: read, then written.
            in_place=tuple(
                operand.index
                for operand in (self.first, self.second)
                if operand.data is None and operand.shape == self.result.shape
            ),
            kernels=frozenset({f"{function}.c"}),
        )


def _pair(site: Site) -> _Pair:
    site.arity(2, 2)
    first, second = (site.check_int8(site.tensor(i), f"input {i}") for i in (0, 1))
    result = site.result()
    if first.data is not None and second.data is not None:
        site.fail("both inputs are constant", "fold constants when converting")
    return _Pair(site, first, second, result, _loops(site, first, second, result))


def _loops(site: Site, first: Tensor, second: Tensor, result: Tensor) -> Struct:
    """Return the walk over both operands; an axis of one element is repeated."""
    rank = max(len(tensor.shape) for tensor in (first, second, result))
    one, two, out = (
        (1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in (first, second, result)
    )
    for sizes in zip(one, two, out, strict=True):
        if {*sizes[:2]} - {1, sizes[2]} or max(sizes[:2]) != sizes[2]:
            site.fail(
                f"shapes {shape(first)} and {shape(second)} do not make {shape(result)}",
                AGAIN,
            )
    walks = [
        [0 if size == 1 else step for size, step in zip(sizes, steps(sizes), strict=True)]
        for sizes in (one, two)
    ]
    return struct(site, "loops", merge([Axis(*a) for a in zip(out, *walks, strict=True)]))
