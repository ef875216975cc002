"""Operators that our own kernels in `firmware/nn` compute, and RESHAPE, which costs nothing."""

from typing import cast

import numpy as np

from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Site,
    Struct,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.quantize import (
    INT8_MIN,
    Multiplier,
    add_parameters,
    softmax_parameters,
)
from harness.graph import AddOptions, SoftmaxOptions, Tensor


def reshape(site: Site) -> Layer:
    """Lower RESHAPE: the output is the input's bytes."""
    site.arity(1, 2)
    source, result = site.activation(0), site.result()
    if source.elements != result.elements:
        site.fail(f"{shape(source)} and {shape(result)} hold different numbers of values")
    return Layer(
        site.operator,
        notes=(f"{shape(source)} -> {shape(result)}, the same bytes",),
        alias=source.index,
    )


def softmax(site: Site) -> Layer:
    """Lower SOFTMAX over the last axis; the output has scale 1/256 and zero point -128."""
    site.arity(1, 1)
    options = cast("SoftmaxOptions", site.operator.options)
    source, result = site.activation(0), site.result()
    if not source.shape or source.shape != result.shape:
        site.fail(f"shapes {shape(source)} and {shape(result)} must be the same")
    if scale(result) != 1 / 256 or zero_point(result) != INT8_MIN:
        site.fail(f"the output has {quantization(result)}, not scale 1/256, zero point -128")
    try:
        factor, least = softmax_parameters(options.beta, scale(source))
    except ValueError as error:
        site.fail(str(error))
    depth = source.shape[-1]
    fields = (
        f".multiplier = {factor.value}",
        f".shift = {factor.shift}",
        f".diff_min = {least}",
    )
    params = Struct("nn_softmax_params_t", site.names.of("params"), fields)
    arguments = (
        f"&{params.name}",
        str(source.elements // depth),
        str(depth),
        site.address(source),
        site.address(result),
    )
    return Layer(
        site.operator,
        notes=(f"{shape(source)}, beta {options.beta:g}", f"input {quantization(source)}"),
        structs=(params,),
        call=Call("nn_softmax_s8", arguments),
        status=False,
        kernels=frozenset({"nn_softmax_s8.c"}),
    )


def add(site: Site) -> Layer:
    """Lower ADD of two tensors, where one may be repeated along the leading axes."""
    site.arity(2, 2)
    options = cast("AddOptions", site.operator.options)
    result = site.result()
    operands = [site.check_int8(site.tensor(i), f"input {i}") for i in (0, 1)]
    # The sum does not depend on the order, so the kernel repeats only its second operand.
    operands.sort(key=lambda tensor: -tensor.elements)
    first, second = operands
    if first.data is not None and second.data is not None:
        site.fail("both inputs are constant", "fold constants when converting")
    _check_repeats(site, first, second, result)
    clamp = site.clamp(options.fused_activation_function, result)
    try:
        factors = add_parameters(scale(first), scale(second), scale(result))
    except ValueError as error:
        site.fail(str(error))
    arrays = tuple(
        Array(site.names.of("constant"), np.asarray(tensor.data), shape(tensor))
        for tensor in operands
        if tensor.data is not None
    )

    def address(tensor: Tensor) -> str:
        return site.address(tensor) if tensor.data is None else site.names.of("constant")

    params = Struct(
        "nn_add_params_t",
        site.names.of("params"),
        (
            f".first = {_term(-zero_point(first), factors.first)}",
            f".second = {_term(-zero_point(second), factors.second)}",
            f".output = {_term(zero_point(result), factors.result)}",
            f".activation_min = {clamp[0]}",
            f".activation_max = {clamp[1]}",
        ),
    )
    arguments = (
        f"&{params.name}",
        address(first),
        str(first.elements),
        address(second),
        str(second.elements),
        address(result),
    )
    return Layer(
        site.operator,
        notes=(
            f"{shape(first)} + {shape(second)} -> {shape(result)}",
            f"inputs {quantization(first)}; {quantization(second)}",
            f"output {quantization(result)}, clamped to {clamp[0]}..{clamp[1]}",
        ),
        arrays=arrays,
        structs=(params,),
        call=Call("nn_add_s8", arguments),
        status=False,
        in_place=tuple(t.index for t in operands if t.data is None and t.shape == result.shape),
        kernels=frozenset({"nn_add_s8.c"}),
    )


def _check_repeats(site: Site, first: Tensor, second: Tensor, result: Tensor) -> None:
    """Check that `second`, but for leading ones, is the tail of `first`'s shape."""
    tail = list(second.shape)
    while tail and tail[0] == 1:
        tail.pop(0)
    same = first.shape == result.shape and len(second.shape) <= len(first.shape)
    if not same or list(first.shape[len(first.shape) - len(tail) :]) != tail:
        site.fail(
            f"shapes {shape(first)} + {shape(second)} -> {shape(result)} broadcast in a way "
            "that is not supported",
            "repeat the smaller operand along the leading axes only",
        )


def _term(offset: int, factor: Multiplier) -> str:
    return f"{{{offset}, {factor.value}, {factor.shift}}}"
