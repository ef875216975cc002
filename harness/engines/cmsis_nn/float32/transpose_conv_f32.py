"""TRANSPOSE_CONV of float32."""

from typing import cast

from harness.engines.cmsis_nn.float32 import tensors_f32 as f32
from harness.engines.cmsis_nn.layer import Call, Layer, Struct, shape
from harness.engines.cmsis_nn.operator_view import OperatorView
from harness.engines.cmsis_nn.transpose_conv import described, side, transposed_window
from harness.model.operator_options import TransposeConvOptions


def transpose_conv(view: OperatorView) -> Layer:
    """Lower TRANSPOSE_CONV; weights are [output channels, height, width, input channels].

    The inputs are the output's shape, the weights, the image and the bias. Like TFLM, this takes
    the shape from the output tensor instead.
    """
    view.check_arity(3, 4)
    options = cast("TransposeConvOptions", view.operator.options)
    weights, result = f32.weights(view, 1, 4), f32.result(view)
    source = f32.check_float(view, view.tensor(2), "input 2")
    height, width = transposed_window(view, options, source, weights, result)
    channels = weights.shape[0]
    params = Struct(
        "nn_transpose_conv_f32_params_t",
        view.names.of("params"),
        (
            f".images = {source.shape[0]}",
            f".height = {side(source.shape[1], result.shape[1], height)}",
            f".width = {side(source.shape[2], result.shape[2], width)}",
            f".depth = {source.shape[3]}",
            f".channels = {channels}",
            *f32.clamp_fields(f32.bounds(view, options.fused_activation_function)),
        ),
    )
    operands = (view.typed_operand(2), view.typed_operand(1), f32.bias(view, 3, channels))
    addresses = (*(operand[0] for operand in operands), view.typed_address(result))
    return Layer(
        view.operator,
        notes=(*f32.notes(source, result), described(height, width), f"weights {shape(weights)}"),
        macs=source.elements * height.size * width.size * channels,
        arrays=tuple(array for operand in operands for array in operand[1]),
        structs=(params,),
        call=Call("nn_transpose_conv_f32", (f"&{params.name}", *addresses)),
        status=False,
        kernels=frozenset({"nn_transpose_conv_f32.c"}),
    )
