"""Lowering of TRANSPOSE_CONV."""

from typing import cast

from harness.engines.cmsis_nn.channel_scales import channel_quantization, weights_operand
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
from harness.engines.cmsis_nn.window import MAX_SIDE, WindowAxis, check_products, window_axis
from harness.model.graph import Tensor
from harness.model.operator_options import (
    TransposeConvOptions,
)


def transpose_conv(view: OperatorView) -> Layer:
    """Lower TRANSPOSE_CONV; weights are [output channels, height, width, input channels].

    The inputs are the output's shape, the weights, the image and the bias. Like TFLM, this takes
    the shape from the output tensor instead.
    """
    view.check_arity(3, 4)
    options = cast("TransposeConvOptions", view.operator.options)
    weights = view.weights(1, 4, 0)
    source, result = view.activation(2), view.result()
    check_products(view, weights)
    height, width = transposed_window(view, options, source, weights, result)
    channels = weights.shape[0]
    clamp = view.clamp(options.fused_activation_function, result)
    of = view.names.of
    params = Struct(
        "nn_transpose_conv_params_t",
        of("params"),
        (
            f".height = {side(source.shape[1], result.shape[1], height)}",
            f".width = {side(source.shape[2], result.shape[2], width)}",
            f".depth = {source.shape[3]}",
            f".channels = {channels}",
            f".input_offset = {-zero_point(source)}",
            f".output_offset = {zero_point(result)}",
            f".activation_min = {clamp[0]}",
            f".activation_max = {clamp[1]}",
        ),
    )
    (factors, shifts), _ = channel_quantization(view, source, weights, result, channels)
    values, constant = weights_operand(view, weights)
    arrays = [*constant, factors, shifts]
    bias = view.bias(3, channels)
    if bias is not None:
        arrays.append(Array(of("bias"), bias))
    arguments = (
        f"&{params.name}",
        image_at(view.address(source), source),
        values,
        of("bias") if bias is not None else "NULL",
        factors.name,
        shifts.name,
        image_at(view.address(result), result),
    )
    return Layer(
        view.operator,
        notes=(
            f"{shape(source)} -> {shape(result)}, {described(height, width)}",
            f"input {quantization(source)}",
            f"output {quantization(result)}, clamped to {clamp[0]}..{clamp[1]}",
            f"weights {shape(weights)}, {quantization(weights)}",
        ),
        macs=source.elements * height.size * width.size * channels,
        arrays=tuple(arrays),
        structs=(params,),
        call=Call("nn_transpose_conv_s8", arguments),
        status=False,
        repeat=source.shape[0],
        kernels=frozenset({"nn_transpose_conv_s8.c"}),
    )


def transposed_window(
    view: OperatorView,
    options: TransposeConvOptions,
    source: Tensor,
    weights: Tensor,
    result: Tensor,
) -> tuple[WindowAxis, WindowAxis]:
    """Return the windows along height and width, and check that the tensors fit each other."""
    view.check_rank(source, 4, "the input")
    view.check_rank(result, 4, "the output")
    if source.shape[0] != result.shape[0]:
        view.fail(f"{shape(source)} and {shape(result)} differ in the batch", CONVERT_AGAIN)
    if source.shape[3] != weights.shape[3] or result.shape[3] != weights.shape[0]:
        view.fail(
            f"shapes {shape(source)} -> {shape(result)} do not fit weights {shape(weights)}",
            CONVERT_AGAIN,
        )
    if min(options.stride_h, options.stride_w) < 1:
        view.fail(f"the stride {options.stride_h}x{options.stride_w} is below 1", CONVERT_AGAIN)
    if max(options.stride_h, options.stride_w, *weights.shape[1:3]) > MAX_SIDE:
        view.fail(f"a stride or a side of the window exceeds {MAX_SIDE}", "make the layer smaller")
    height, width = (
        window_axis(result.shape[i], weights.shape[i], stride, 1, options.padding)
        for i, stride in ((1, options.stride_h), (2, options.stride_w))
    )
    return height, width


def described(height: WindowAxis, width: WindowAxis) -> str:
    """Return the windows for a person."""
    return (
        f"window {height.size}x{width.size}, stride {height.stride}x{width.stride}, "
        f"cut {height.before}x{width.before}"
    )


def side(source: int, result: int, axis: WindowAxis) -> str:
    """Return a `nn_side_t`."""
    return f"{{{source}, {result}, {axis.size}, {axis.stride}, {axis.before}}}"
