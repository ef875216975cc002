"""CONV_2D in groups, or on images of many rows or columns: CMSIS-NN 4.0.0 has no kernel for it."""

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
from harness.engines.cmsis_nn.window import Window, check_products, notes, window_fields
from harness.model.graph import Tensor


def grouped_convolution(view: OperatorView, window: Window, weights: Tensor) -> Layer:
    """Lower CONV_2D whose weights read a part of the input's channels, or all of them."""
    source, result = window.source, window.result
    channels, rows, columns, depth = weights.shape
    groups = source.shape[3] // depth
    if groups * depth != source.shape[3] or groups == 0 or channels % groups:
        view.fail(
            f"{source.shape[3]} channels are not groups of {depth} for {channels} output channels",
            CONVERT_AGAIN,
        )
    check_products(view, weights)
    of = view.names.of
    fields = (
        f".height = {window_fields(source.shape[1], window.height.output, window.height)}",
        f".width = {window_fields(source.shape[2], window.width.output, window.width)}",
        f".depth = {source.shape[3]}",
        f".channels = {channels}",
        f".groups = {groups}",
        f".input_offset = {-zero_point(source)}",
        f".output_offset = {zero_point(result)}",
        f".activation_min = {window.clamp[0]}",
        f".activation_max = {window.clamp[1]}",
    )
    params = Struct("nn_grouped_conv_params_t", of("params"), fields)
    (factors, shifts), _ = channel_quantization(view, source, weights, result, channels)
    values, constant = weights_operand(view, weights)
    arrays = [*constant, factors, shifts]
    bias = view.bias(2, channels)
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
            *notes(window),
            f"{groups} groups, weights {shape(weights)}, {quantization(weights)}",
        ),
        macs=window.pixels * channels * rows * columns * depth,
        arrays=tuple(arrays),
        structs=(params,),
        call=Call("nn_grouped_conv_s8", arguments),
        status=False,
        repeat=window.batch,
        kernels=frozenset({"nn_grouped_conv_s8.c"}),
    )
