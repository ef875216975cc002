"""ADD_N and CUMSUM: sums of many values."""

import math
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.float_functions import REAL_FUNCTIONS
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
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import result_term
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import CumsumOptions
from harness.model.quantized_multiplier import add_parameters

_TYPES = ("int8", "float32")
_KERNELS_F32 = frozenset({"nn_sums_f32.c", REAL_FUNCTIONS})
_MOST = 1 << 10  # summands of ADD_N: their sum fits into 32 bits


def add_n(view: OperatorView) -> Layer:
    """Lower ADD_N; as in TFLM, int8 inputs have one quantization. Source: add_n.cc."""
    view.check_arity(2, _MOST)
    first = view.check_type(view.tensor(0), "input 0", _TYPES)
    result = view.check_alike(view.check_result_shape(first.shape), "the output", first)
    arrays: list[Array] = []
    addresses = []
    for position in range(len(view.operator.inputs)):
        tensor = view.check_alike(view.tensor(position), f"input {position}", first)
        if tensor.shape != first.shape:
            view.fail(f"shapes {shape(first)} and {shape(tensor)} differ", CONVERT_AGAIN)
        if tensor.dtype == np.int8 and quantization(tensor) != quantization(first):
            view.fail("the inputs have different quantization, which TFLM rejects")
        address, constant = view.typed_operand(position)
        addresses.append(address)
        arrays += constant
    ctype = "float" if first.dtype == np.float32 else "int8_t"
    before = f"const {ctype} *const inputs[] = {{"
    structs = () if ctype == "float" else (_sums(view, first, result),)
    arguments = (
        *(f"&{struct.name}" for struct in structs),
        str(len(addresses)),
        "inputs",
        str(first.elements),
        view.typed_address(result),
    )
    function = "nn_add_n_f32" if ctype == "float" else "nn_add_n_s8"
    return Layer(
        view.operator,
        notes=(f"{len(addresses)} of {shape(first)}", f"inputs {quantization(first)}"),
        arrays=tuple(arrays),
        structs=structs,
        before=(before, *(f"    {address}," for address in addresses), "};"),
        call=Call(function, arguments),
        status=False,
        kernels=_KERNELS_F32 if ctype == "float" else frozenset({f"{function}.c"}),
    )


def cumsum(view: OperatorView) -> Layer:
    """Lower CUMSUM along a constant axis. Source: cumsum.cc."""
    view.check_arity(2, 2)
    options = cast("CumsumOptions", view.operator.options)
    source, result = view.source_and_like(0, _TYPES)
    view.check_result_shape(source.shape)
    axes = view.constant_integers(1, "the axis")
    if len(axes) != 1 or not source.shape:
        view.fail(f"{len(axes)} axes of {shape(source)}; one is supported", CONVERT_AGAIN)
    axis = view.normalized_axis(axes[0], len(source.shape))
    fields = (
        f".outer = {math.prod(source.shape[:axis])}",
        f".size = {source.shape[axis]}",
        f".inner = {math.prod(source.shape[axis + 1 :])}",
        f".exclusive = {int(options.exclusive)}",
        f".reverse = {int(options.reverse)}",
    )
    line = Struct("nn_line_t", view.names.of("line"), fields)
    is_float = source.dtype == np.float32
    structs = (line,) if is_float else (_sums(view, source, result), line)
    function = "nn_cumsum_f32" if is_float else "nn_cumsum_s8"
    addresses = (view.typed_address(source), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(f"{shape(source)}, along axis {axis}", f"input {quantization(source)}"),
        structs=structs,
        call=Call(function, (*(f"&{struct.name}" for struct in structs), *addresses)),
        status=False,
        in_place=(source.index,),
        kernels=_KERNELS_F32 if is_float else frozenset({f"{function}.c"}),
    )


def _sums(view: OperatorView, source: Tensor, result: Tensor) -> Struct:
    """Return the parameters of sums: as those of ADD with two inputs of one scale."""
    try:
        factors = add_parameters(scale(source), scale(source), scale(result))
    except ValueError as error:
        view.fail(str(error))
    fields = (
        f".offset = {-zero_point(source)}",
        f".output = {result_term(factors.result, zero_point(result))}",
    )
    return Struct("nn_sums_params_t", view.names.of("params"), fields)
