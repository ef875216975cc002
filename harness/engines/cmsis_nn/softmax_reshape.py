"""SOFTMAX, and RESHAPE and its relatives, which need no code."""

from typing import cast

import numpy as np

from harness.engines.cmsis_nn.copies import strided_copy
from harness.engines.cmsis_nn.float_functions import rows_layer
from harness.engines.cmsis_nn.layer import (
    Call,
    Layer,
    Struct,
    c_float,
    quantization,
    scale,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.loops import strides_of
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import FIX_THE_BATCH
from harness.model.graph import Tensor
from harness.model.operator_options import (
    SoftmaxOptions,
)
from harness.model.quantized_multiplier import INT8_MIN, INT16_MIN, softmax_parameters

_MAX_DEPTH = 8191  # values; the sum of their exponentials, 2^19 or less each, fits into 32 bits


def reshape(view: OperatorView) -> Layer:
    """Lower RESHAPE, SQUEEZE, EXPAND_DIMS: the output has the input's bytes, of any type.

    The shape is the output tensor's. Like TFLM, this ignores the input that repeats it.
    """
    view.check_arity(1, 2)
    source, result = view.source_and_result(0)
    if source.elements != result.elements:
        view.fail(
            f"{shape(source)} and {shape(result)} hold different numbers of values", FIX_THE_BATCH
        )
    if source.data is not None:
        return strided_copy(view, 0, 0, strides_of(result.shape, result.dtype.itemsize))
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}, the same bytes",),
        alias=source.index,
    )


def softmax(view: OperatorView) -> Layer:
    """Lower SOFTMAX over the last axis, of int8 or float32."""
    view.check_arity(1, 1)
    options = cast("SoftmaxOptions", view.operator.options)
    source, result = view.source_and_like(0, ("int8", "float32"))
    if not source.shape or source.shape != result.shape:
        view.fail(f"shapes {shape(source)} and {shape(result)} must be the same")
    if source.dtype == np.float32:
        return rows_layer(view, "softmax", c_float(options.beta))
    if scale(result) != 1 / 256 or zero_point(result) != INT8_MIN:
        view.fail(f"the output has {quantization(result)}, not scale 1/256, zero point -128")
    return _softmax_of_int8(view, source, result, "nn_softmax_s8")


def softmax_to_int16(view: OperatorView) -> Layer:
    """Lower SOFTMAX of int8 with an output of int16. Source: softmax_common.cc."""
    source, result = view.activation(0), view.graph.tensors[view.operator.outputs[0]]
    if not source.shape or source.shape != result.shape:
        view.fail(f"shapes {shape(source)} and {shape(result)} must be the same")
    expected = np.float32(1 / 65536)
    near = abs(np.float32(scale(result)) - expected) <= np.float32(0.001) * expected
    if not near or zero_point(result) != INT16_MIN:
        view.fail(f"the output has {quantization(result)}, not scale 1/65536, zero point -32768")
    return _softmax_of_int8(view, source, result, "nn_softmax_s8_s16")


def _softmax_of_int8(view: OperatorView, source: Tensor, result: Tensor, kernel: str) -> Layer:
    options = cast("SoftmaxOptions", view.operator.options)
    depth = source.shape[-1]
    if depth > _MAX_DEPTH:
        view.fail(
            f"the last axis has {depth} values; at most {_MAX_DEPTH} are supported",
            "leave the last SOFTMAX out, or make it smaller",
        )
    try:
        factor, least = softmax_parameters(options.beta, scale(source))
    except ValueError as error:
        view.fail(str(error))
    fields = (
        f".multiplier = {factor.value}",
        f".shift = {factor.shift}",
        f".diff_min = {least}",
    )
    params = Struct("nn_softmax_params_t", view.names.of("params"), fields)
    arguments = (
        f"&{params.name}",
        str(source.elements // depth),
        str(depth),
        view.address(source),
        view.typed_address(result),
    )
    return Layer(
        view.operator,
        notes=(f"{shape(source)}, beta {options.beta:g}", f"input {quantization(source)}"),
        structs=(params,),
        call=Call(kernel, arguments),
        status=False,
        kernels=frozenset({f"{kernel}.c"}),
    )
