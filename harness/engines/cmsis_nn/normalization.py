"""L2_NORMALIZATION and LOG_SOFTMAX over the last axis, and L2_POOL_2D over windows."""

from typing import cast

import numpy as np

from harness.engines.cmsis_nn.float_functions import FLOAT_MAX, REAL_FUNCTIONS, rows_layer
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
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.pairs import result_term
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.model.graph import Tensor
from harness.model.operator_options import Activation, FusedOptions, Padding, Pool2DOptions
from harness.model.quantized_multiplier import INT8_MAX, log_softmax_parameters

_TYPES = ("int8", "float32")
_MOST_AXES = 4  # of L2_NORMALIZATION in TFLM
_MOST_SQUARES = 1 << 15  # whose sum fits into 31 bits
_MOST_EXPONENTIALS = 4095  # whose sum fits into 31 bits; each is 2^19 or less


def l2_normalization(view: OperatorView) -> Layer:
    """Lower L2_NORMALIZATION; as in TFLM, the output of int8 has scale 1/128 in any case."""
    options = cast("FusedOptions", view.operator.options)
    if options.fused_activation_function is not Activation.NONE:
        name = options.fused_activation_function.name
        view.fail(f"the fused activation {name} is not supported, nor in TFLM", "remove it")
    source, result = _rows(view)
    if len(source.shape) > _MOST_AXES:
        view.fail(f"has {len(source.shape)} axes; TFLM takes {_MOST_AXES}", "reshape the input")
    if source.dtype == np.float32:
        return rows_layer(view, "l2_normalization")
    if source.shape[-1] > _MOST_SQUARES:
        view.fail(f"the last axis has {source.shape[-1]} values; at most {_MOST_SQUARES}", "split")
    return _layer(view, "nn_l2_normalization_s8", str(zero_point(source)), source, result)


def log_softmax(view: OperatorView) -> Layer:
    """Lower LOG_SOFTMAX; the output of int8 has scale 1/16 and zero point 127."""
    source, result = _rows(view)
    if source.dtype == np.float32:
        return rows_layer(view, "log_softmax")
    if scale(result) != 1 / 16 or zero_point(result) != INT8_MAX:
        view.fail(f"the output has {quantization(result)}, not scale 1/16, zero point 127")
    if source.shape[-1] > _MOST_EXPONENTIALS:
        view.fail(
            f"the last axis has {source.shape[-1]} values; TFLM's LOG_SOFTMAX adds up to "
            f"{_MOST_EXPONENTIALS} exponentials",
            "leave the last LOG_SOFTMAX out, or make it smaller",
        )
    try:
        to_q5, from_q5, least = log_softmax_parameters(scale(source))
    except ValueError as error:
        view.fail(str(error))
    fields = (
        f".to_q5 = {result_term(to_q5, 0)}",
        f".from_q5 = {result_term(from_q5, 0)}",
        f".diff_min = {least}",
    )
    params = Struct("nn_log_softmax_params_t", view.names.of("params"), fields)
    return _layer(view, "nn_log_softmax_s8", f"&{params.name}", source, result, (params,))


def l2_pool_2d(view: OperatorView) -> Layer:
    """Lower L2_POOL_2D of float32. Source: l2_pool_2d.cc."""
    view.check_arity(1, 1)
    options = cast("Pool2DOptions", view.operator.options)
    source, result = view.source_and_like(0, ("float32",))
    view.check_rank(source, 4, "the input")
    view.check_rank(result, 4, "the output")
    windows = (options.filter_height, options.filter_width)
    strides = (options.stride_h, options.stride_w)
    if min(*windows, *strides) < 1:
        view.fail(f"window {windows} with strides {strides}", CONVERT_AGAIN)
    sides = []
    for axis, (window, stride) in enumerate(zip(windows, strides, strict=True), start=1):
        size = source.shape[axis]
        free = size if options.padding is Padding.SAME else size - window + 1
        count = -(-free // stride)
        before = max((count - 1) * stride + window - size, 0) // 2
        sides.append((size, count, window, stride, before))
    view.check_result_shape((source.shape[0], sides[0][1], sides[1][1], source.shape[3]))
    low, high = view.activation_bounds(options.fused_activation_function)
    structs = tuple(
        Struct("nn_side_t", view.names.of(part), tuple(map(str, side)))
        for part, side in zip(("height", "width"), sides, strict=True)
    )
    arguments = (
        *(f"&{struct.name}" for struct in structs),
        str(source.shape[0]),
        str(source.shape[3]),
        c_float(-FLOAT_MAX if low is None else low),
        c_float(FLOAT_MAX if high is None else high),
        view.typed_address(source),
        view.typed_address(result),
    )
    return Layer(
        view.operator,
        notes=(f"{shape(source)} -> {shape(result)}",),
        structs=structs,
        call=Call("nn_l2_pool_f32", arguments),
        status=False,
        kernels=frozenset({"nn_sums_f32.c", REAL_FUNCTIONS}),
    )


def _rows(view: OperatorView) -> tuple[Tensor, Tensor]:
    view.check_arity(1, 1)
    source, result = view.source_and_like(0, _TYPES)
    view.check_result_shape(source.shape)
    if not source.shape:
        view.fail("the input is a scalar", "convert the model again")
    return source, result


def _layer(
    view: OperatorView,
    function: str,
    first: str,
    source: Tensor,
    result: Tensor,
    structs: tuple[Struct, ...] = (),
) -> Layer:
    depth = source.shape[-1]
    addresses = (view.address(source), view.address(result))
    return Layer(
        view.operator,
        notes=(f"{shape(source)}", f"input {quantization(source)}"),
        structs=structs,
        call=Call(function, (first, str(source.elements // depth), str(depth), *addresses)),
        status=False,
        in_place=(source.index,),
        kernels=frozenset({f"{function}.c"}),
    )
