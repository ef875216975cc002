"""Lowering of CONV_2D and DEPTHWISE_CONV_2D."""

from dataclasses import replace
from typing import cast

import numpy as np

from harness.engines.cmsis_nn.channel_scales import channel_quantization, weights_operand
from harness.engines.cmsis_nn.core_features import Extension
from harness.engines.cmsis_nn.grouped_convolution import grouped_convolution
from harness.engines.cmsis_nn.layer import (
    Array,
    Call,
    Layer,
    Struct,
    image_at,
    quantization,
    shape,
    zero_point,
)
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.remedies import CONVERT_AGAIN
from harness.engines.cmsis_nn.scratch import convolution, depthwise
from harness.engines.cmsis_nn.window import MAX_SIDE, Window, checked_window, dims, notes
from harness.model.graph import Tensor
from harness.model.operator_options import (
    Conv2DOptions,
    DepthwiseConv2DOptions,
)

# The kernels count the values under a window in uint16_t.
MAX_COLUMN = 65535


def conv_2d(view: OperatorView) -> Layer:
    """Lower CONV_2D; weights are [output channels, height, width, input channels]."""
    view.check_arity(2, 3)
    options = cast("Conv2DOptions", view.operator.options)
    weights = view.weights(1, 4, 0)
    channels, rows, columns, depth = weights.shape
    window = checked_window(view, options, (rows, columns), channels)
    if depth != window.source.shape[3] or window.long:
        return grouped_convolution(view, window, weights)
    if rows * columns * depth > MAX_COLUMN:
        view.fail(
            f"a window holds more than {MAX_COLUMN} values, the limit of CMSIS-NN",
            "make the window smaller",
        )
    if view.core.extension is Extension.MVE and window.source.shape[1] == rows == 1 < columns:
        # From release 6 on, Helium's kernel for images of one row is wrong for some strides and
        # paddings; earlier ones reject some. With one column, the general kernel runs instead.
        window, rows, columns = window.turn(), columns, rows
    # CMSIS-NN's wrapper chooses the same 1x1 kernels, but calling them directly keeps the other
    # kernels out of the image.
    pointwise = rows == columns == 1 and window.height.dilation == window.width.dilation == 1
    if pointwise and window.height.stride == window.width.stride == 1:
        function, need = "arm_convolve_1x1_s8_fast", "arm_convolve_1x1_s8_fast_get_buffer_size"
    elif pointwise:
        function, need = "arm_convolve_1x1_s8", ""
    else:
        function, need = "arm_convolve_wrapper_s8", "arm_convolve_wrapper_s8_get_buffer_size"
    scratch = 0 if pointwise else convolution(view.core.extension, window, depth)
    of = view.names.of
    sizes = {
        "arm_convolve_1x1_s8_fast_get_buffer_size": ("input_dims",),
        "arm_convolve_wrapper_s8_get_buffer_size": (
            "params",
            "input_dims",
            "filter_dims",
            "output_dims",
        ),
    }
    layer = _convolution(
        view,
        window,
        weights,
        function,
        params=Struct(
            "cmsis_nn_conv_params",
            of("params"),
            (*offsets(window), *window.pairs(dilated=True)),
        ),
        filter_dims=dims(of("filter_dims"), channels, rows, columns, depth),
    )
    return replace(
        layer,
        macs=window.pixels * channels * rows * columns * depth,
        scratch=scratch,
        scratch_need=Call(need, tuple(f"&{of(part)}" for part in sizes[need])) if need else None,
    )


def depthwise_conv_2d(view: OperatorView) -> Layer:
    """Lower DEPTHWISE_CONV_2D; weights are [1, height, width, output channels]."""
    view.check_arity(2, 3)
    options = cast("DepthwiseConv2DOptions", view.operator.options)
    weights = view.weights(1, 4, 3)
    first, rows, columns, channels = weights.shape
    window = checked_window(view, options, (rows, columns), channels)
    depth = window.source.shape[3]
    multiplier = options.depth_multiplier
    if first != 1 or multiplier < 1 or depth * multiplier != channels:
        view.fail(
            f"{depth} channels times {multiplier} are not the weights' {channels} channels",
            CONVERT_AGAIN,
        )
    if window.long:
        return grouped_convolution(view, window, _of_one_channel(view, weights))
    of = view.names.of
    function, scratch = depthwise(view.core.extension, window, depth, channels)
    need = None
    if scratch:
        parts = (f"&{of('input_dims')}", f"&{of('filter_dims')}")
        need = Call(f"{function}_get_buffer_size", parts)
    layer = _convolution(
        view,
        window,
        weights,
        function,
        params=Struct(
            "cmsis_nn_dw_conv_params",
            of("params"),
            (*offsets(window), f".ch_mult = {multiplier}", *window.pairs(dilated=True)),
        ),
        filter_dims=dims(of("filter_dims"), 1, rows, columns, channels),
    )
    macs = window.pixels * channels * rows * columns
    return replace(layer, macs=macs, scratch=scratch, scratch_need=need)


def _of_one_channel(view: OperatorView, weights: Tensor) -> Tensor:
    """Return depthwise `weights` as those of CONV_2D in groups of one channel."""
    if weights.data is None:
        view.fail(
            f"the weights are computed, and a side of an image exceeds {MAX_SIDE}",
            "make the layer smaller",
        )
    data = np.ascontiguousarray(np.asarray(weights.data).transpose(3, 1, 2, 0))
    return replace(weights, shape=data.shape, data=data, quantized_axis=0)


def _convolution(
    view: OperatorView,
    window: Window,
    weights: Tensor,
    function: str,
    *,
    params: Struct,
    filter_dims: Struct,
) -> Layer:
    """Return the layer without its MACs and scratch memory."""
    of = view.names.of
    channels = window.result.shape[3]
    bias = view.bias(2, channels)
    if bias is None and view.core.extension is Extension.MVE:
        # Helium's depthwise kernel advances the bias pointer from one block of channels to the
        # next even if it is NULL.
        bias = np.zeros(channels, np.int32)
    factors, quant = channel_quantization(view, window.source, weights, window.result, channels)
    values, constant = weights_operand(view, weights)
    arrays = [*constant, *factors]
    if bias is not None:
        arrays.insert(len(constant), Array(of("bias"), bias))
    names = ("params", "quant", "input_dims")
    arguments = (
        "&context",
        *(f"&{of(name)}" for name in names),
        image_at(view.address(window.source), window.source),
        f"&{of('filter_dims')}",
        values,
        f"&{of('bias_dims')}",
        of("bias") if bias is not None else "NULL",
        f"&{of('output_dims')}",
        image_at(view.address(window.result), window.result),
    )
    return Layer(
        view.operator,
        notes=(*notes(window), f"weights {shape(weights)}, {quantization(weights)}"),
        arrays=tuple(arrays),
        structs=(
            params,
            quant,
            window.image(of("input_dims"), window.source),
            filter_dims,
            dims(of("bias_dims"), 1, 1, 1, channels),
            window.image(of("output_dims"), window.result),
        ),
        call=Call(function, arguments),
        repeat=window.batch,
    )


def offsets(window: Window) -> tuple[str, str]:
    """Return the zero points as CMSIS-NN expects them: the input's is negated."""
    return (
        f".input_offset = {-zero_point(window.source)}",
        f".output_offset = {zero_point(window.result)}",
    )
